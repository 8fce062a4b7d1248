"""The inspector: makes the faults of anybody's autoencoder visible, from the model and a batch of images.

report = inspector.inspect("model.keras", images)
report.table()                                       # a row a question
plots_inspector.figure(report)
"""

import math
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from skimage import io

from brainlib.inspector import checks, parts
from brainlib.inspector import probes as probes_
from brainlib.inspector.checks import Finding  # noqa: F401
from brainlib.inspector.loss import kl_of, weights_of

# What went wrong in the theses that this workbook implements, the finding that shows it, and what it takes beside a model
# and images. Two faults leave no trace in a model.
FAULTS = (
    (
        "A VAE's loss of 1000 x mean squared error + KL: a pixel's noise of variance 8.19",
        "assumed variance over squared error",
        "",
    ),
    ("About 16 bits for a whole picture, hence the blur", "bits an image", ""),
    ("A posterior that is all but collapsed", "active units", ""),
    (
        "Pictures scaled by 1/127 reach 2.0 against a sigmoid that ends at 1",
        "targets out of reach",
        "",
    ),
    (
        "Test slices come from training subjects",
        "subjects seen in training",
        "subjects and train_subjects",
    ),
    ("The same, where nobody knows the subjects", "pictures seen in training", "train_images"),
    (
        "Validation slices share subjects with the training",
        "subjects seen in training",
        "subjects of the validation set",
    ),
    (
        "A figure stands pictures beside other pictures' reconstructions",
        "outputs of other images",
        "outputs as shown",
    ),
    ("32,768 latent numbers for 16,384 pixels, and skips past them", "latent numbers a pixel", ""),
    ("A network that copies what it is given", "loss on strange pictures", ""),
    (
        "Healthy people of one source against the sick of another",
        "source told by the error",
        "sources and subjects",
    ),
    (
        "A training step without training=True never updates batch norm",
        "batch norm that never moved",
        "",
    ),
    ("2x2 places of 128 codes: 28 bits", "bits an image", ""),
    ("A codebook of which few codes are used", "perplexity over codes", ""),
    (
        "A loss divided by the variance of MNIST",
        "data variance in the loss",
        "loss_variance, or the model's train_variance",
    ),
    ("Samples from N(0, 1) where the codes do not lie", "posterior beside N(0, 1)", ""),
    ("L2 compared under another learning-rate schedule", "", "the histories of both trainings"),
    ("No prior over the codes, so that nothing can be sampled", "", "the whole project"),
)


@dataclass(frozen=True)
class Report:
    """What was found about one model.

    Attributes:
        name: of the model.
        kind: "VAE", "VQ-VAE" or "autoencoder".
        findings: tuple of `Finding`.
        arrays: what the figure draws: `inputs` and `outputs` by probe, `lost` by probe (N,), `kl` by unit,
            `shares` of codes, `dead` by layer.
    """

    name: str
    kind: str
    findings: tuple
    arrays: dict

    def table(self):
        """One row a finding."""
        return pd.DataFrame([asdict(finding) for finding in self.findings])

    def flagged(self):
        """Names of the findings that are faults."""
        return [finding.name for finding in self.findings if finding.flagged]

    def __getitem__(self, name):
        found = {finding.name: finding for finding in self.findings}
        if name not in found:
            raise KeyError(f"finding: expected one of {', '.join(found)}, got {name!r}.")
        return found[name]


def inspect(
    model,
    images,
    *,
    targets=None,
    outputs=None,
    subjects=None,
    sources=None,
    train_subjects=None,
    train_images=None,
    loss_weights=None,
    loss_variance=None,
    seed=0,
    batch_size=16,
):
    """Asks a model and a batch of images all questions that they can answer.

    Args:
        model: from image to image, or the path of a `.keras` file.
        images: (N, H, W, C), 2 or more, as the model takes them; 24 or more of several people are a good measure.
        targets: what the model should give; the images themselves when absent.
        outputs: reconstructions as somebody shows them beside the images, to see whether they belong together.
        subjects: whose image each is, (N,).
        sources: the site or the data set of each image, (N,), of healthy people; needs subjects.
        train_subjects: whose images the model was trained (or validated, for the other set) on.
        train_images: pictures it was trained on, (M, H, W, C).
        loss_weights: (factor of the mean squared error, factor of the KL), where the model does not say.
        loss_variance: the data variance by which a VQ-VAE's loss divides its error, where the model does not say.
        seed: of the probes.
        batch_size: pictures at a time.

    Returns:
        a `Report`.
    """
    model = load(model) if isinstance(model, (str, Path)) else model
    outer, model = model, parts.unwrapped(model)
    images = _images(images, "images")
    targets = images if targets is None else _images(targets, "targets", images.shape)
    batches = probes_.probes(images, seed=seed)
    made = {
        name: parts.reconstruct(model, pictures, batch_size=batch_size)
        for name, pictures in batches.items()
    }
    if made["brains"].shape != targets.shape:
        raise ValueError(
            f"{model.name}: expected outputs like its targets, {targets.shape}, got {made['brains'].shape}."
        )
    broken = checks.not_finite(model, made["brains"])
    found = [
        broken,
        *_about_data(outer, model, images, targets, made["brains"], outputs, loss_variance),
        *_about_people(
            images, targets, made["brains"], subjects, sources, train_subjects, train_images
        ),
    ]
    arrays = {"inputs": batches, "outputs": made, "targets": targets}
    kind = "unknown"
    if not broken.flagged:
        kind, more = _about_model(
            outer, model, batches, targets, made, loss_weights, batch_size, arrays
        )
        found += more
    return Report(
        outer.name, kind, tuple(finding for finding in found if finding is not None), arrays
    )


def _about_data(outer, model, images, targets, made, outputs, loss_variance):
    yield checks.targets_out_of_reach(model, targets, made)
    yield checks.data_variance(outer, images, loss_variance)
    if np.isfinite(made).all():
        yield (
            checks.pairing(targets, made)
            if outputs is None
            else checks.pairing(targets, _images(outputs, "outputs", targets.shape), made)
        )


def _about_people(images, targets, made, subjects, sources, train_subjects, train_images):
    for name, given in (("subjects", subjects), ("sources", sources)):
        if given is not None and len(given) != len(images):
            raise ValueError(
                f"{name}: expected one for each of the {len(images)} images, got {len(given)}."
            )
    if sources is not None and subjects is None:
        raise ValueError(
            "sources: expected subjects, too, since slices of one head are not independent. Give subjects=..."
        )
    if sources is not None and np.isfinite(made).all():
        yield checks.source_told(((targets - made) ** 2).mean(axis=(1, 2, 3)), sources, subjects)
    if subjects is not None and train_subjects is not None:
        yield checks.subjects_in_training(subjects, train_subjects)
    if train_images is not None:
        yield checks.pictures_in_training(images, _images(train_images, "train_images"))


def _about_model(outer, model, batches, targets, made, loss_weights, batch_size, arrays):
    images = batches["brains"]
    cloud = parts.posterior(model, images, batch_size=batch_size)
    found = None if cloud is not None else parts.codes(model, images, batch_size=batch_size)
    rows = [checks.latent_size(model)]
    if cloud is not None:
        error = float(np.mean((targets - made["brains"]) ** 2))
        weights = weights_of(outer, batches, given=loss_weights)
        rows += [
            checks.posterior_bits(cloud),
            checks.posterior_units(cloud),
            checks.posterior_against_prior(cloud),
            checks.assumed_variance(weights, math.prod(images.shape[1:]), error),
        ]
        arrays["kl"] = kl_of(cloud).mean(axis=0)
    if found is not None:
        rows += [checks.code_bits(found), checks.codebook_use(found)]
        arrays["shares"] = checks.code_shares(found.codes, len(found.codebook))
    if cloud is None and found is None:
        rows.append(checks.depends_on_input(images, made["brains"]))
    arrays["dead"] = checks.dead_units(model, images, batch_size=batch_size)
    arrays["lost"] = {
        name: probes_.lost(pictures, made[name]) for name, pictures in batches.items()
    }
    rows += [
        checks.dead(arrays["dead"]),
        still := checks.batch_norm(model),
        checks.copies({name: float(np.median(values)) for name, values in arrays["lost"].items()}),
    ]
    if still is not None and not still.flagged:
        rows.append(checks.batch_norm_fits(model, images, batch_size=batch_size))
    return "VAE" if cloud is not None else "VQ-VAE" if found is not None else "autoencoder", rows


def faults(report=None):
    """The theses' faults as a table: `fault`, `finding` ("" where a model and images show nothing of it), `needs`, and with a report `flagged`."""
    table = pd.DataFrame(FAULTS, columns=["fault", "finding", "needs"])
    if report is not None:
        asked = {finding.name: finding.flagged for finding in report.findings}
        table["flagged"] = [
            {True: "yes", False: "no", None: "not asked"}[asked.get(name)] for name in table.finding
        ]
    return table


def load(path, *, custom_objects=None):
    """A model from a `.keras` file, uncompiled, without running any code that the file carries.

    Args:
        path: of the file.
        custom_objects: {name: class} of layers and models that Keras does not know.
    """
    path = Path(path)
    if path.suffix != ".keras" or not path.is_file():
        raise ValueError(
            f"{path}: expected the path of an existing .keras file. Save a model with model.save('name.keras')."
        )
    try:
        return keras.saving.load_model(
            path, custom_objects=custom_objects, compile=False, safe_mode=True
        )
    except Exception as error:  # Keras raises many kinds; each says what it did not know
        raise ValueError(
            f"{path}: expected a model of known layers, and Keras says: {str(error).splitlines()[0]} Give your classes as "
            "custom_objects={'Name': Class}; a file that carries code (Lambda layers) is not run."
        ) from error


def read_pictures(path, image_shape):
    """Pictures for a model from a `.npy` file or a folder of PNG, JPEG, TIFF or `.npy` files.

    Args:
        path: of the file or the folder; files are taken in the order of their names.
        image_shape: (H, W, C) that the model takes; other sizes are refused, since resizing is part of a model's training.

    Returns:
        float32 (N, H, W, C); files of 8 or 16 bits are scaled to [0, 1], `.npy` files are taken as they are.
    """
    path, (height, width, channels) = Path(path), image_shape
    known = (
        sorted(one for one in path.iterdir() if one.suffix.lower() in PICTURES)
        if path.is_dir()
        else [path]
        if path.is_file()
        else []
    )
    if not known:
        raise ValueError(
            f"{path}: expected a .npy file or a folder of pictures ({', '.join(PICTURES)}), found none."
        )
    found = []
    for one in known:
        array = (
            np.load(one, allow_pickle=False)
            if one.suffix.lower() == ".npy"
            else _picture(one, channels)
        )
        array = (
            array.reshape(-1, height, width, channels)
            if array.shape[-3:] == image_shape
            or array.shape[-2:] == (height, width)
            and channels == 1
            else None
        )
        if array is None:
            raise ValueError(
                f"{one}: expected pictures of {height}x{width} with {channels} channel{'s' if channels > 1 else ''}. "
                "Prepare them as those that the model was trained on."
            )
        found.append(array.astype("float32"))
    return np.concatenate(found)


PICTURES = (".npy", ".png", ".jpg", ".jpeg", ".tif", ".tiff")


def _picture(path, channels):
    """One picture file in [0, 1], (H, W) or (H, W, channels)."""
    array = io.imread(path)
    scale = np.iinfo(array.dtype).max if array.dtype.kind in "ui" else 1.0
    array = array.astype("float32") / scale
    return array[..., :3].mean(axis=-1) if array.ndim == 3 and channels == 1 else array


def _images(images, name, shape=None):
    images = np.asarray(images, "float32")
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or len(images) < 2 or shape is not None and images.shape != shape:
        raise ValueError(
            f"{name}: expected {'at least two images (N, H, W, C)' if shape is None else f'the shape of the images, {shape}'}, got {images.shape}."
        )
    return images
