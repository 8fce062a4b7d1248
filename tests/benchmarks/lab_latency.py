"""How long a move of a lab takes, without the browser: from the control to the new picture."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from brainlib import models
from brainlib.anomaly.preparation import Prepared
from brainlib.evaluation import generation
from brainlib.heads.volumes import Volume
from brainlib.models.prior import build_prior
from brainlib.show.labs import code_lab, corruption_lab, latent_lab, slice_lab, threshold_lab
from brainlib.show.labs.lab import Lab

MOVES = 20
AXIAL = 35  # slices of a head that the threshold lab shows


def latencies(side: int, folder: Path) -> Iterator[tuple[str, list[float]]]:
    """(lab and slider, milliseconds of each move) of every lab.

    Args:
        side: of the pictures, in pixels.
        folder: of what a lab would save.
    """
    pictures = np.random.default_rng(0).uniform(0, 1, (60, side, side, 1)).astype("float32")
    titles = [str(number) for number in range(len(pictures))]
    for name in ("number", "window", "brain"):
        yield f"slices, {name}", _moves(_slices(side), name)
    for name in ("threshold", "number"):
        yield f"threshold, {name}", _moves(_threshold(side), name)
    yield "corruption, dropout", _moves(_corruption(pictures, titles), "dropout")
    yield "latent, direction 1", _moves(_latent(pictures, titles, folder), "step_0")
    yield "code, disc radius", _moves(_codes(pictures, titles), "radius")


def _moves(lab: Lab, name: str) -> list[float]:
    control = lab.controls[name]
    took = []
    for number in range(MOVES + 2):
        value = control.min + (control.max - control.min) * ((number * 7) % 23 + 1) / 24
        began = time.perf_counter()
        control.value = (control.min, value) if name == "window" else type(control.min)(value)
        took.append(1000 * (time.perf_counter() - began))
    return took[2:]  # the first ones trace graphs


def _slices(side: int) -> Lab:
    """A head of so many voxels a side."""
    shape = (side - 2, side, side + 2)
    array = np.random.default_rng(0).uniform(0, 100, shape).astype("float32")
    mask = np.zeros(shape, bool)
    mask[side // 4 : -side // 4, side // 4 : -side // 4, side // 4 : -side // 4] = True
    volume = Volume(array, (1.0, 1.0, 1.0), np.eye(4), Path("a.nii"), tuple("RAS"), shape)
    head = slice_lab.Head(volume, mask, None, "healthy", slice_lab.white_of(volume))
    return slice_lab.lab_of(slice_lab.Shelf(["a"], lambda name: head), "")


def _threshold(side: int) -> Lab:
    """A head with a lesion, and as many healthy ones as the lab shows."""
    rng = np.random.default_rng(0)
    shape = (AXIAL, side, side - 4, 1)
    lesion = np.zeros(shape, bool)
    lesion[10:15, side // 3 : side // 2, side // 3 : side // 2] = True

    def head(ill):
        images = rng.uniform(0, 1, shape).astype("float32")
        return Prepared(images, np.ones(shape, bool), lesion & ill, np.eye(4))

    healthy = {str(number): head(False) for number in range(threshold_lab.HEALTHY)}
    networks = {"grey": lambda stack: np.full_like(stack, 0.5)}
    post = {"erode_px": 1, "median": 5, "min_pixels": 7}
    ward = threshold_lab.Ward({"a": head(True)}, healthy, networks, post)
    return threshold_lab.lab_of(ward, "")


def _corruption(pictures: np.ndarray, titles: list[str]) -> Lab:
    networks = {}
    for name in ("residual_unet", "skip_connection_cae"):
        model = models.build(name, image_shape=pictures.shape[1:], width=0.25)
        networks[name] = lambda stack, model=model: models.reconstruct(model, stack)
    return corruption_lab.lab_of(corruption_lab.Bench(pictures, titles, networks), "")


def _latent(pictures: np.ndarray, titles: list[str], folder: Path) -> Lab:
    model = models.build("vae", image_shape=pictures.shape[1:], width=0.25, latent_dim=64)
    codes = models.latent_of(model, pictures)
    space = latent_lab.LatentSpace(
        generation.fast_decoder(model),
        generation.fit_latent(model, pictures),
        pictures,
        codes,
        pictures,
        titles,
        codes,
    )
    return latent_lab.lab_of(space, "", folder, pixel_mm=1.0)


def _codes(pictures: np.ndarray, titles: list[str]) -> Lab:
    model = models.build("vqvae", image_shape=pictures.shape[1:], width=0.25, depth=3)
    prior = build_prior(model.grid, model.quantizer.codebook_size, width=32, layers=2)
    writing = code_lab.writing_of(model, prior, pictures, titles, healthy=pictures[:8])
    return code_lab.lab_of(writing, "")
