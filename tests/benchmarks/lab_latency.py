"""How long a move of a lab takes, without the browser: from the control to the new picture."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from brainlib import models
from brainlib.evaluation import generation
from brainlib.models.prior import build_prior
from brainlib.show.labs import code_lab, corruption_lab, latent_lab
from brainlib.show.labs.lab import Lab

MOVES = 20


def latencies(side: int, folder: Path) -> Iterator[tuple[str, list[float]]]:
    """(lab and slider, milliseconds of each move) of the labs that ask a network.

    Args:
        side: of the pictures, in pixels.
        folder: of what a lab would save.
    """
    pictures = np.random.default_rng(0).uniform(0, 1, (60, side, side, 1)).astype("float32")
    titles = [str(number) for number in range(len(pictures))]
    yield "corruption, dropout", _moves(_corruption(pictures, titles), "dropout")
    yield "latent, direction 1", _moves(_latent(pictures, titles, folder), "step_0")
    yield "code, disc radius", _moves(_codes(pictures, titles), "radius")


def _moves(lab: Lab, name: str) -> list[float]:
    control = lab.controls[name]
    took = []
    for number in range(MOVES + 2):
        value = control.min + (control.max - control.min) * ((number * 7) % 10 + 1) / 11
        began = time.perf_counter()
        control.value = value
        took.append(1000 * (time.perf_counter() - began))
    return took[2:]  # the first ones trace graphs


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
    return latent_lab.lab_of(space, "", folder, plane="sagittal", pixel_mm=1.0)


def _codes(pictures: np.ndarray, titles: list[str]) -> Lab:
    model = models.build("vqvae", image_shape=pictures.shape[1:], width=0.25, depth=3)
    prior = build_prior(model.grid, model.quantizer.codebook_size, width=32, layers=2)
    writing = code_lab.writing_of(model, prior, pictures, titles, healthy=pictures[:8])
    return code_lab.lab_of(writing, "")
