"""The inspector's questions, one function each: what a model and a batch of images say, and whether that is a fault.

A threshold stands beside the reason for it. Where a question does not arise, a check gives nothing.
"""

import math
from dataclasses import dataclass

import keras
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist
from scipy.stats import mannwhitneyu

from brainlib.inspector import parts
from brainlib.inspector.loss import kl_of
from brainlib.models.layers.vq import bits_an_image, code_shares, entropy_bits


@dataclass(frozen=True)
class Finding:
    """One answer: what was measured, what was expected, and what to do where it is a fault.

    Attributes:
        name: of the question, the same for every model.
        value: what was measured; NaN where it cannot be told.
        unit: of the value.
        expected: what a sound model has, in words.
        flagged: whether it is a fault.
        why: one sentence on what the value means here.
        todo: what to do about it; "" where nothing is wrong.
    """

    name: str
    value: float
    unit: str
    expected: str
    flagged: bool
    why: str
    todo: str = ""


def _finding(name, value, unit, expected, flagged, why, todo):
    return Finding(name, float(value), unit, expected, bool(flagged), why, todo if flagged else "")


# ------------------------------------------------------------------------------------------------ numbers


def not_finite(model, outputs):
    """Weights and outputs that are NaN or infinite: a training that broke."""
    bad = {weight.path: int((~np.isfinite(parts.array(weight))).sum()) for weight in model.weights}
    bad = {name: count for name, count in bad.items() if count}
    count, pixels = sum(bad.values()), int((~np.isfinite(outputs)).sum())
    where = (
        f"{count} weights, the first in {next(iter(bad))}"
        if bad
        else f"{pixels} pixels of the outputs"
        if pixels
        else "none"
    )
    return _finding(
        "numbers that are not finite",
        count + pixels,
        "numbers",
        "0",
        count or pixels,
        f"Weights and outputs that are NaN or infinite: {where}.",
        "Train again from the last good checkpoint with a smaller learning rate or clipped gradients; nothing else here can be trusted.",
    )


LAST = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "elu": (-1.0, math.inf),
}


def reach(model, images):
    """(lowest, highest) that the last layer can give; infinite where it has no bounds or none are known."""
    seen = []
    with parts.watched(
        parts.leaves(model), lambda layer, _, outputs: seen.append((layer, outputs))
    ):
        output = parts.array(
            parts.first_of(parts.forward(model)(np.asarray(images[:1], "float32")))
        )
    for layer, given in reversed(seen):  # behind it values may be reshaped or cut, not changed
        given = parts.array(parts.first_of(given))
        name = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__.lower())
        if given.size < output.size or not np.isin(output, given).all():
            break
        if name in LAST:
            return LAST[name]
    return -math.inf, math.inf


def targets_out_of_reach(model, targets, outputs):
    """Seed 000 scaled pictures by 1/127, so that targets reached 2 against a sigmoid that ends at 1."""
    low, high = reach(model, targets)
    # A thousandth of a grey value is rounding, a thousandth of the pixels a hot spot; more is a scale that does not fit.
    outside = float(np.mean((targets < low - 1e-3) | (targets > high + 1e-3)))
    given = outputs[np.isfinite(outputs)]
    span = f"{given.min():.3g} to {given.max():.3g}" if given.size else "no number at all"
    why = f"Targets span {targets.min():.3g} to {targets.max():.3g}, outputs {span}" + (
        f", and the last layer can give {low:g} to {high:g}."
        if math.isfinite(low) or math.isfinite(high)
        else ", and the last layer has no bounds."
    )
    return _finding(
        "targets out of reach",
        100 * outside,
        "% of pixels",
        "at most 0.1",
        outside > 1e-3,
        why,
        "Scale the pictures to the range of the last layer, or give that layer another activation.",
    )


def data_variance(model, images, given=None):
    """Seed 000's VQ-VAE divided its error by MNIST's variance: a loss scaled by somebody else's data."""
    used = (
        given
        if given is not None
        else getattr(model, "train_variance", getattr(model, "data_variance", None))
    )
    weight = getattr(getattr(model, "quantizer", None), "loss_weight", 1.0)
    if used is None and weight != 1:  # the same loss times the variance: its codes' terms carry it
        used = weight
    if used is None:
        return None
    used, own = float(used), float(np.var(images))
    # Test pictures differ from training pictures by a fifth or so; half as much again is another data set.
    factor = max(used / own, own / used)
    return _finding(
        "data variance in the loss",
        used,
        "squared grey values",
        f"within a factor 1.5 of {own:.3g}, these pictures'",
        factor > 1.5,
        f"The loss divides its error by {used:.3g}; these pictures have a variance of {own:.3g}.",
        "Compute the variance from the training pictures themselves.",
    )


# ------------------------------------------------------------------------------------------------ the latent


def latent_size(model):
    """Whether anything forces the model to compress: seed 004's latent holds 32,768 numbers for 16,384 pixels."""
    numbers = parts.waist(model)
    pixels = (
        math.prod(next(iter(model.inputs or [])).shape[1:])
        if getattr(model, "inputs", None)
        else math.nan
    )
    if math.isnan(pixels):
        encoder = parts.part(model, "encoder")
        pixels = math.prod(encoder.inputs[0].shape[1:]) if encoder is not None else math.nan
    share = numbers / pixels
    why = (
        f"All that reaches the output passes through {numbers:,.0f} numbers; a picture has {pixels:,.0f} pixels."
        if math.isfinite(share)
        else "The model has no graph from which its narrowest place could be read; see whether it copies."
    )
    return _finding(
        "latent numbers a pixel",
        share,
        "numbers a pixel",
        "below 1",
        share >= 1,
        why,
        "Narrow the bottleneck or leave out skips: a network that can copy need not know what a head looks like.",
    )


def posterior_units(cloud):
    """Active units (Burda et al. 2016): dimensions whose posterior mean varies over images by more than 0.01."""
    variance, units = cloud.mean.astype(float).var(axis=0), cloud.mean.shape[1]
    active = int((variance > 0.01).sum())
    return _finding(
        "active units",
        active,
        f"of {units} units",
        "2 or more",
        active < 2,
        f"{active} of {units} posterior means vary over the images (variance above 0.01).",
        "The posterior has collapsed: the decoder ignores the latent. Warm beta up from 0, weigh the KL less, or state the likelihood's variance.",
    )


# Four numbers of eight bits - size, place, turn, number of the slice - say nothing yet about anybody's anatomy.
FEWEST_BITS = 32.0


def posterior_bits(cloud):
    """KL of the posterior in bits: what a latent says about a picture, at most."""
    by_unit = kl_of(cloud).mean(axis=0)
    bits = float(by_unit.sum()) / math.log(2)
    collapsed = (
        int((cloud.mean.astype(float).var(axis=0) > 0.01).sum()) < 2
    )  # that is told by `posterior_units`
    return _finding(
        "bits an image",
        bits,
        "bits",
        f"{FEWEST_BITS:g} or more",
        bits < FEWEST_BITS and not collapsed,
        f"The posterior says {bits * math.log(2):.3g} nats ({bits:.3g} bits) about a picture; {int((by_unit > 0.01).sum())} units say more than 0.01 nats."
        + (
            " Fewer than two units are active: the fault is told by `active units`."
            if collapsed
            else ""
        ),
        "Weigh the KL less or train longer: with so few bits pictures of different people come out as one.",
    )


def posterior_against_prior(cloud):
    """Whether draws from N(0, 1) land where pictures are: mean and variance of all clouds together, unit by unit."""
    mean, log_var = cloud.mean.astype(float), np.clip(cloud.log_var.astype(float), -60, 60)
    centre, spread = mean.mean(axis=0), mean.var(axis=0) + np.exp(log_var).mean(axis=0)
    gap = float(
        np.sum(0.5 * (centre**2 + spread - 1.0 - np.log(spread)))
    )  # nats, of the Gaussian that fits all clouds
    rate = float(kl_of(cloud).sum(axis=1).mean())
    if (
        mean.var(axis=0) > 0.01
    ).sum() < 2 or rate <= 0:  # collapsed: that is told by `posterior_units`
        return None
    # KL = information about the picture + distance of all clouds together from N(0, 1). Where the second is the larger
    # part, a draw from N(0, 1) rather misses the pictures than meets them.
    return _finding(
        "posterior beside N(0, 1)",
        100 * gap / rate,
        "% of the KL",
        "at most 50",
        gap > 0.5 * rate,
        f"Of {rate:.3g} nats {gap:.3g} say only that the clouds of all pictures together are not N(0, 1) (unit by unit).",
        "Do not draw from N(0, 1): fit a density to the codes and draw from that, or weigh the KL more.",
    )


def assumed_variance(weights, pixels, error):
    """Seed 000's 1000 x mean squared error + KL: a likelihood of variance 8.19 on 128x128 pixels, or beta 8 at unit variance."""
    if weights is None:
        return Finding(
            "assumed variance over squared error",
            math.nan,
            "times",
            "0.01 to 10",
            False,
            "The model does not say how it weighs error against KL; give loss_weights=(factor of the mean squared error, factor of the KL).",
        )
    variance = weights.variance(pixels)
    ratio = variance / max(error, 1e-12)
    # At the optimum the assumed variance is the squared error itself. Beta up to 10 is common practice and stated as such;
    # above, a nat costs ten times what it is worth. Below a hundredth the KL is all but free, and the model an autoencoder.
    return _finding(
        "assumed variance over squared error",
        ratio,
        "times",
        "0.01 to 10",
        not 0.01 <= ratio <= 10,
        f"By {weights.source}, {weights.error:.4g} x mean squared error + {weights.kl:.3g} x KL: a pixel's noise of variance {variance:.3g} "
        f"(beta {variance:.3g} at unit variance), and the mean squared error is {error:.3g}.",
        "State the likelihood: a Gaussian whose variance is the mean squared error itself, or learned; then beta is a choice, not an accident.",
    )


def codebook_use(found):
    """Perplexity of the codes against the codebook: one that few codes serve has collapsed."""
    size, count = len(found.codebook), found.codes.size
    shares = code_shares(found.codes, size)
    perplexity, used = 2 ** entropy_bits(shares), int((shares > 0).sum())
    most = min(size, count)  # a batch cannot show more codes than it has places
    # A tenth: half of the places are background and share a few codes, so that sound codebooks reach about 0.3 to 0.6.
    return _finding(
        "perplexity over codes",
        perplexity / most,
        "of the codebook",
        "0.1 or more",
        perplexity < 0.1 * most,
        f"{used} of {size} codes occur in {count:,} places; as many as {perplexity:.3g} equally frequent ones would say as much.",
        "The codebook has collapsed: start it by k-means, restart dead codes, or move it by a running average.",
    )


def code_bits(found):
    """Bits a code map can hold: seed 000's 2x2 places of 128 codes hold 28."""
    size, places = len(found.codebook), found.codes.shape[1]
    bits = bits_an_image(size, (places, 1))
    return _finding(
        "bits an image",
        bits,
        "bits",
        f"{FEWEST_BITS:g} or more",
        bits < FEWEST_BITS,
        f"{places} places of {size} codes hold {bits:.4g} bits, and use {places * entropy_bits(code_shares(found.codes, size)):.4g}.",
        "Take a larger map: fewer layers of stride 2.",
    )


def depends_on_input(images, outputs):
    """Whether different pictures come out different: the variance over images, of outputs against that of inputs."""
    share = float(np.var(outputs, axis=0).sum() / max(np.var(images, axis=0).sum(), 1e-12))
    # A hundredth of the variance is a tenth of the contrast: the same picture to the eye.
    return _finding(
        "variance between outputs",
        share,
        "of that between inputs",
        "0.01 or more",
        share < 0.01,
        f"Outputs differ from each other by {100 * share:.3g} % of the variance by which inputs differ.",
        "The model gives one picture for all: look for a collapsed latent, dead layers or a learning rate that broke it.",
    )


# ------------------------------------------------------------------------------------------------ layers


def _is_relu(layer):
    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope
    return getattr(getattr(layer, "activation", None), "__name__", "") in ("relu", "relu6")


def dead_units(model, images, *, batch_size=16):
    """Share of ReLU channels that are zero at every place of every image, by layer: {name: (dead, channels)}."""
    highest, names = {}, {}

    def see(layer, _, outputs):
        values = parts.array(outputs)
        top = values.reshape(-1, values.shape[-1]).max(axis=0)
        key = (id(layer), len(top))  # a layer may be used twice, and two layers may have one name
        names[key] = layer.name
        highest[key] = np.maximum(highest.get(key, -np.inf), top)

    layers = [layer for layer in parts.leaves(model) if _is_relu(layer)]
    if layers:
        with parts.watched(layers, see):
            parts.reconstruct(model, images, batch_size=batch_size)
    result = {}
    for key, top in highest.items():
        name = names[key] if names[key] not in result else f"{names[key]} ({len(result)})"
        result[name] = (int((top <= 0).sum()), len(top))
    return result


def dead(by_layer):
    if not by_layer:
        return None
    count, of = (sum(column) for column in zip(*by_layer.values()))
    share, worst = count / of, max(by_layer, key=lambda name: by_layer[name][0] / by_layer[name][1])
    silent = [name for name, (dead_, channels) in by_layer.items() if dead_ == channels]
    # Dense layers on grey values fall silent by a half to two thirds and the network learns all the same (measured on sound
    # models); where three quarters, or a whole layer, never fire, it is another, narrower network.
    return _finding(
        "dead units",
        100 * share,
        "% of ReLU channels",
        "at most 75, no layer all dead",
        share > 0.75 or silent,
        f"{count} of {of} ReLU channels are zero on every image; most in {worst} ({by_layer[worst][0]} of {by_layer[worst][1]}).",
        "Lower the learning rate, start again from other weights, or use LeakyReLU.",
    )


def batch_norm(model):
    """Whether the running statistics ever moved: a train_step that calls the network without training=True leaves them."""
    norms = [
        layer for layer in parts.leaves(model) if isinstance(layer, keras.layers.BatchNormalization)
    ]
    if not norms:
        return None
    still = [
        layer.name
        for layer in norms
        if np.all(parts.array(layer.moving_mean) == 0)
        and np.all(parts.array(layer.moving_variance) == 1)
    ]
    return _finding(
        "batch norm that never moved",
        len(still),
        f"of {len(norms)} layers",
        "0",
        still,
        f"{len(still)} of {len(norms)} batch-norm layers hold their initial statistics (mean 0, variance 1)"
        + (f", such as {still[0]}." if still else "."),
        "Call the network with training=True in the training step; otherwise batch norm only scales.",
    )


def batch_norm_fits(model, images, *, batch_size=16):
    """Whether the running statistics are those of these images: after a short training they lag behind by hundreds of steps."""
    norms = [
        layer for layer in parts.leaves(model) if isinstance(layer, keras.layers.BatchNormalization)
    ]
    seen = {}
    with parts.watched(
        norms, lambda layer, inputs, _: seen.setdefault(id(layer), []).append(parts.array(inputs))
    ):
        parts.reconstruct(model, images, batch_size=batch_size)
    gaps = {}
    for layer in norms:
        if id(layer) not in seen or layer.axis not in (-1, len(seen[id(layer)][0].shape) - 1):
            continue
        values = np.concatenate(
            [part.reshape(-1, part.shape[-1]) for part in seen[id(layer)]]
        ).astype(float)
        mean, variance = (
            parts.array(layer.moving_mean),
            parts.array(layer.moving_variance) + layer.epsilon,
        )
        ratio = (values.var(axis=0) + layer.epsilon) / variance
        gaps[layer.name] = float(
            np.mean(
                0.5 * (ratio + (values.mean(axis=0) - mean) ** 2 / variance - 1 - np.log(ratio))
            )
        )
    if not gaps:
        return None
    worst = max(gaps, key=gaps.get)
    # Nats a channel between two Gaussians: 0.3 is a mean off by 0.8 standard deviations. Models that are up to date show
    # below 0.03 on many people's heads; small ones 0.09 to 0.15 on 32 slices of two people whom they had not seen, one of
    # some twenty above 0.2; a VAE after 180 steps at momentum 0.99 showed 0.4.
    return _finding(
        "batch norm beside these images",
        gaps[worst],
        "nats a channel",
        "at most 0.3",
        gaps[worst] > 0.3,
        f"Running means and variances stand off those of these images by {gaps[worst]:.3g} nats a channel in {worst}, the worst layer.",
        "Train longer, or with norm_momentum=0.9; where the model is somebody else's, scale the images as in its training.",
    )


# ------------------------------------------------------------------------------------------------ pictures


def copies(lost):
    """Whether whatever goes in comes out. lost: median share of variance lost, by probe (`inspector_probes.lost`)."""
    # Photographs: networks with skips lost 7 to 18 % of their variance after minutes of training, sound ones, which know
    # heads, 38 % to several times all of it. The others are told but not asked for: a network that restores removes noise
    # from whatever it copies, and fills the black ones among shuffled patches.
    return _finding(
        "loss on strange pictures",
        100 * lost["photographs"],
        "% of photographs' variance",
        "25 or more",
        lost["photographs"] < 0.25,
        "Share of variance lost: "
        + ", ".join(f"{name} {100 * value:.3g} %" for name, value in lost.items())
        + ".",
        "The model hands on what it gets, lesions included: narrow the bottleneck, or test it on restoring large holes.",
    )


def pairing(targets, outputs, reference=None):
    """Seed 000's figure stood images beside other images' reconstructions.

    Args:
        targets, outputs: (N, H, W, C) as they stand beside each other.
        reference: the model's own outputs for these images, in their order, where `outputs` are somebody's. Blurred
            outputs are nearer to each other's than to any target: they are matched with these.
    """
    flat = {
        name: np.asarray(one, float).reshape(len(targets), -1)
        for name, one in (
            ("outputs", outputs),
            ("targets", targets),
            ("reference", targets if reference is None else reference),
        )
    }
    errors = cdist(
        flat["outputs"], flat["reference"], "sqeuclidean"
    )  # (outputs, what they may belong to)
    best, own = linear_sum_assignment(errors)[1], np.diag(errors)
    # Blur may bring one output nearer to a neighbouring slice. That a whole ring of outputs changes places and halves its
    # error is no blur.
    wrong = np.zeros(len(best), bool)
    for ring in _rings(best):
        wrong[ring] = len(ring) > 1 and own[ring].sum() > 2 * errors[ring, best[ring]].sum() + 1e-9
    if reference is not None:  # outputs of images that are not here: as far off as any other's
        apart = pdist(flat["reference"], "sqeuclidean")
        made = ((flat["reference"] - flat["targets"]) ** 2).sum(axis=1)
        wrong |= own > max(0.5 * np.median(apart), np.median(made))
    first = int(np.argmax(wrong))
    return _finding(
        "outputs of other images",
        int(wrong.sum()),
        f"of {len(wrong)} outputs",
        "0",
        wrong.any(),
        f"{int(wrong.sum())} of {len(wrong)} outputs belong to other images than those they stand beside"
        + (
            f", such as number {first}"
            + (f", which fits {best[first]}." if best[first] != first else ".")
            if wrong.any()
            else "."
        ),
        "Index one array for both rows of a figure, and do not shuffle between prediction and plot.",
    )


def _rings(permutation):
    """The cycles of a permutation, each a list of places."""
    left = set(range(len(permutation)))
    while left:
        ring = [left.pop()]
        while permutation[ring[-1]] in left:
            ring.append(int(permutation[ring[-1]]))
            left.discard(ring[-1])
        yield ring


def subjects_in_training(subjects, train_subjects):
    """Whether people of the training set are among the test's, or of the validation set's."""
    shared = sorted(set(map(str, subjects)) & set(map(str, train_subjects)))
    return _finding(
        "subjects seen in training",
        len(shared),
        f"of {len(set(map(str, subjects)))} subjects",
        "0",
        shared,
        "No subject is in both sets."
        if not shared
        else f"In both sets: {', '.join(shared[:5])}{' ...' if len(shared) > 5 else ''}.",
        "Divide by subject, not by slice, and train again.",
    )


def pictures_in_training(images, train_images):
    """Images that are training images, but for a thousandth of a grey value (rounding of a file of 8 bits has 0.002)."""
    flat = [np.asarray(one, "float32").reshape(len(one), -1) for one in (images, train_images)]
    nearest = cdist(*flat, "sqeuclidean").min(axis=1) / flat[0].shape[1]
    seen = nearest < 0.003**2
    return _finding(
        "pictures seen in training",
        int(seen.sum()),
        f"of {len(images)} pictures",
        "0",
        seen.any(),
        f"{int(seen.sum())} of {len(images)} pictures are training pictures, grey value by grey value.",
        "Test on pictures of people that the model has not seen.",
    )


def source_told(errors, sources, subjects):
    """Seed 002 set healthy IXI against BraTS: whether the error alone tells where healthy people were scanned.

    errors: (N,), sources and subjects: (N,). None where fewer than two sources have three subjects.
    """
    people = {}
    for error, source, subject in zip(errors, sources, subjects):
        people.setdefault(str(source), {}).setdefault(str(subject), []).append(float(error))
    means = {
        source: [np.mean(values) for values in of.values()]
        for source, of in people.items()
        if len(of) >= 3
    }
    if len(means) < 2:
        return None
    best = None
    for source, own in means.items():
        rest = [value for other, values in means.items() if other != source for value in values]
        found = mannwhitneyu(own, rest)
        area = max(found.statistic, len(own) * len(rest) - found.statistic) / (len(own) * len(rest))
        if best is None or found.pvalue < best[0]:
            best = (found.pvalue, area, source)
    # Subjects, not slices, are counted; several sources are asked, so that one in a hundred is shared among them.
    p, area, source = best
    return _finding(
        "source told by the error",
        area,
        "AUROC over subjects",
        "p over 0.01",
        p * len(means) < 0.01,
        f"The error alone tells {source} from the other sources with an AUROC of {area:.3g} (p {p:.2g}, {sum(map(len, means.values()))} subjects).",
        "A score from this error detects scanners: compare sick and healthy people of one source only.",
    )
