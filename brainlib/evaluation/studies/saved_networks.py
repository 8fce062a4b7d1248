"""Networks that earlier chapters left in the run, and those that thesis 004's author released."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import keras

from brainlib import models
from brainlib.models.tensors import Shape
from brainlib.record import Run


@dataclass(frozen=True)
class SavedNetwork:
    """A network that a chapter trained, in every round and with its random seeds.

    Attributes:
        folder: with `<round>/model.keras` and `<round>/seed<n>/model.keras`.
        random_seeds: of its trainings, the chapter's own first.
        training: what makes two trainings alike: `trained_on`, `width`, `length`, `augment`.
    """

    folder: Path
    random_seeds: tuple[int, ...]
    training: dict[str, object]

    def of_round(self, name: str) -> list[keras.Model]:
        """The trainings of a round, one per random seed."""
        below = ["", *[f"seed{number}" for number in self.random_seeds[1:]]]
        return [models.load(self.folder / name / part / "model.keras") for part in below]


@dataclass(frozen=True)
class ReleasedNetwork:
    """A network that came trained: the same one in every round.

    Attributes:
        model: the network.
        training: as of `SavedNetwork`.
        random_seeds: one, its author's.
    """

    model: keras.Model
    training: dict[str, object]
    random_seeds: tuple[int, ...] = (0,)

    def of_round(self, name: str) -> list[keras.Model]:
        """The one network there is."""
        return [self.model]


Network = SavedNetwork | ReleasedNetwork
CHAPTERS_INSPECTED = ("04_vae", "05_vqvae", "07_ae_variants")


def saved_networks(run: Run, chapters: Sequence[str]) -> dict[str, Network]:
    """The networks that chapters have noted as `models`, in their order.

    Args:
        run: of the chapter that asks.
        chapters: such as "04_vae".

    Raises:
        NotRunYet: a chapter has no result in the folder.
    """
    found = {}
    for chapter in chapters:
        result = run.needs(chapter)
        parameters = result["parameters"]
        training = {
            "trained_on": _inputs_in_words(parameters.get("corruption", "none")),
            "width": parameters["width"],
            "length": _length(parameters),
            "augment": parameters.get("augment", 0),
        }
        random_seeds = dict.fromkeys([parameters["seed"], *parameters["random_seeds"]])
        for name, folder in result["notes"]["models"].items():
            saved = SavedNetwork(run.folder / folder, tuple(random_seeds), training)
            found[_unlike(found, name, chapter)] = saved
    return found


def _length(parameters: Mapping[str, object]) -> str:
    """Of a training, in words: by steps, or by passes through the slices."""
    steps = parameters.get("steps", 0)
    return f"{steps} steps" if steps else f"{parameters['epochs']} epochs"


def _unlike(found: Mapping[str, object], name: str, chapter: str) -> str:
    """The name of a network, with its chapter where another one is called alike."""
    alike = [other for other in found if _bare(other) == _bare(name)]
    return f"{name} of {chapter.split('_')[0]}" if alike else name


def _bare(name: str) -> str:
    """A name without hyphens, spaces and capitals: VQ-VAE is vqvae."""
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _inputs_in_words(corruption: str) -> str:
    return "clean pictures" if corruption == "none" else corruption


def released_networks(names: Sequence[str], image_shape: Shape) -> dict[str, Network]:
    """Networks of thesis 004 with its author's weights, fetched once.

    Args:
        names: of networks that are released, see `models.released`.
        image_shape: (H, W, 1) of the slices.
    """
    training = {"trained_on": "IXI, 128x128, thesis 004's corruptions", "width": 1.0}
    found = {}
    for name in names:
        model = models.released(name, image_shape=image_shape)
        found[f"{name} of thesis 004"] = ReleasedNetwork(model, training)
    return found


def saved_models(run: Run, round_name: str) -> dict[str, Path]:
    """The `.keras` files that 04, 05 and 07 trained in one round, by the model's name.

    Beside what those chapters name in their notes, `vae_seed` (the VAE with thesis 000's loss) and
    `vqvae_seed` (the VQ-VAE with its 2x2 map of codes) are found where they were trained.

    Raises:
        NotRunYet: one of the chapters has no result.
    """
    folders = {}
    for chapter in CHAPTERS_INSPECTED:
        folders |= run.needs(chapter)["notes"]["models"]
    found = {}
    for name, folder in folders.items():
        found[name] = run.folder / folder / round_name / "model.keras"
    vqvae = folders.get("vqvae", "models/vqvae")
    found["vae_seed"] = run.folder / "models" / "vae_seed" / round_name / "model.keras"
    found["vqvae_seed"] = run.folder / vqvae / round_name / "seed_000" / "model.keras"
    return {name: path for name, path in found.items() if path.is_file()}
