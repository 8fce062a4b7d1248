"""`python -m brainlib.evaluation.restore`: a head through a saved network, slice by slice.

    python -m brainlib.evaluation.restore HEAD.nii.gz --out RESTORED.nii.gz --model model.keras

Without a model it is the residual U-Net of the reference run (`outputs/reference`). The slices are
prepared as those that the network was trained on: where its file lies in a run folder, as chapter
02 of that run did; else by the options. They are restored, enlarged to the head's own voxels,
brought back to its grey values and written in its own space.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from brainlib import models, slices
from brainlib.heads import masks, volumes, writing
from brainlib.heads.volumes import PLANES, Volume
from brainlib.slices import HeadSlices
from brainlib.training.saved import REFERENCE

if TYPE_CHECKING:  # brainlib imports TensorFlow without its greeting, if it is the first
    import keras

RESULT_OF_02 = Path("results") / "02_slice_selection.json"
RESTORER = REFERENCE / "models" / "residual_unet" / "holdout" / "model.keras"
REFUSALS = (OSError, ValueError)  # of one line each


@dataclass(frozen=True)
class Preparation:
    """How a network's slices were made: options of `slices.cut_head`, but for their size."""

    plane: str = "sagittal"
    scaling: str = "volume"
    field_mm: float = slices.FIELD_MM
    brain_only: bool = False
    centre: bool = False


@dataclass(frozen=True)
class RestoredHead:
    """A head whose slices went through a network.

    Attributes:
        array: float32 on the head's RAS+ grid.
        cut: the slices that went in.
        outputs: what came out, of the shape of `cut.pictures`.
    """

    array: np.ndarray
    cut: HeadSlices
    outputs: np.ndarray

    @property
    def in_words(self) -> str:
        """What was done, in one or two sentences."""
        volume, size = self.cut.volume, self.cut.pictures.shape[1]
        own_mm = max(slices.pixel_mm(volume.voxel_mm, self.cut.plane))
        done = (
            f"{len(self.cut.numbers)} {self.cut.plane} slices with brain restored at {size}x{size} "
            f"pixels of {self.cut.picture_mm:.2f} mm; the others are as they were."
        )
        if self.cut.picture_mm > 1.05 * own_mm:
            done += (
                f" The head has pixels of {own_mm:.2f} mm: what is finer than the network's is "
                "smoothed, unless the change alone is added (--keep-detail)."
            )
        return done


def preparation_of(model_path: Path | str) -> Preparation | None:
    """How the slices were made that a run's model was trained on.

    None where the file lies in no run folder. The reference run's restorer took each slice scaled
    to its own range.
    """
    if Path(model_path).resolve() == RESTORER.resolve():
        return Preparation(scaling="slice")
    for folder in Path(model_path).resolve().parents:
        path = folder / RESULT_OF_02
        if path.is_file():
            known = json.loads(path.read_text(encoding="utf-8"))["parameters"]
            return Preparation(**{name: known[name] for name in asdict(Preparation())})
    return None


def restore(
    network: Callable[[np.ndarray], np.ndarray] | keras.Model,
    volume: Volume,
    mask: np.ndarray | None = None,
    *,
    size: int | None = None,
    preparation: Preparation | None = None,
    keep_detail: bool = False,
) -> RestoredHead:
    """Restores the slices of a head that hold brain.

    Args:
        network: a model, or any function of pictures (n, size, size, 1), such as a filter.
        volume: the head.
        mask: its brain mask; DeepBrain's when absent.
        size: side of the pictures; the model's own when absent.
        preparation: of the slices; the default one when absent.
        keep_detail: only add what the network changed, see `HeadSlices.put_back`.

    Raises:
        ValueError: the model takes no square pictures of one channel, or the head shows no brain.
    """
    size = size or picture_size(network)
    mask = masks.brain_mask(volume) if mask is None else mask
    cut = slices.cut_head(volume, mask, size=size, **asdict(preparation or Preparation()))
    if not cut.numbers:
        raise ValueError(
            f"{volume.path}: expected slices with brain, found none in the {cut.plane} plane. "
            "Look at the head in 01_explore, or give a mask."
        )
    is_model = hasattr(network, "input_shape")  # a Keras model, not a plain function
    outputs = models.reconstruct(network, cut.pictures) if is_model else network(cut.pictures)
    outputs = np.clip(outputs, 0, 1)
    return RestoredHead(cut.put_back(outputs, keep_detail=keep_detail), cut, outputs)


def picture_size(model: keras.Model) -> int:
    """The side of the square pictures that a model takes.

    Raises:
        ValueError: it takes something else.
    """
    shape = tuple(model.input_shape)
    if len(shape) != 4 or shape[1] != shape[2] or shape[1] is None or shape[3] != 1:
        raise ValueError(
            f"{model.name}: expected a model of square grey pictures of one size, it takes "
            f"{shape[1:]}. Pass size=..., or another model."
        )
    return int(shape[1])


def restore_file(
    path: Path | str,
    model_path: Path | str,
    out: Path | str,
    *,
    mask: Path | str | None = None,
    keep_detail: bool = False,
    **preparation: Any,
) -> RestoredHead:
    """Restores a NIfTI head with a saved model and writes it in its own space.

    Args:
        path: the head.
        model_path: a `.keras` file.
        out: the file to write, .nii or .nii.gz.
        mask: a brain mask on the head's grid; DeepBrain's when absent.
        keep_detail: see `restore`.
        **preparation: of `Preparation`, where they are not those of the model's run.

    Raises:
        OSError, ValueError: of one line: a file cannot be used.
    """
    _refuse_bad_names(path, out)
    known = preparation_of(model_path) or Preparation()
    chosen = Preparation(**{**asdict(known), **preparation})
    volume = volumes.load(path)
    brain = None if mask is None else masks.read_mask(mask, volume)
    network = _load_model(model_path)
    restored = restore(network, volume, brain, preparation=chosen, keep_detail=keep_detail)
    writing.write(out, restored.array, volume)
    return restored


def _refuse_bad_names(path: Path | str, out: Path | str) -> None:
    if not str(out).lower().endswith((".nii", ".nii.gz")):
        raise ValueError(f"{out}: expected a name ending in .nii or .nii.gz to write to.")
    if Path(out).exists() and Path(path).exists() and Path(out).samefile(path):
        raise ValueError(f"{out}: is the head itself, which is not replaced. Choose another --out.")


def _load_model(path: Path | str) -> keras.Model:
    """A `.keras` file, or an error of one line."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: expected a .keras file, there is none. Check --model.")
    try:
        return models.load(path)
    except Exception as error:  # Keras has no error of its own for what is no model
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path}: expected a model saved by Keras 3, got: {reason}") from error


# --------------------------------------------------------------------------- the command


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns 2 where nothing could be done."""
    options = vars(_parser().parse_args(arguments))
    path, model, out = (options.pop(name) for name in ("head", "model", "out"))
    given = {name: value for name, value in options.items() if value is not None}
    changed = set(given) - {"mask", "keep_detail"}
    try:
        restored = restore_file(path, model, out, **given)
    except REFUSALS as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 2
    source = "prepared as in the model's run" if preparation_of(model) else "prepared by default"
    print(f"{out}: {restored.in_words}")
    print(f"Slices {source}{' but for the options' if changed else ''}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m brainlib.evaluation.restore",
        description="Restores a NIfTI head in its own space with a saved network.",
    )
    parser.add_argument("head", help="a NIfTI head, .nii or .nii.gz")
    parser.add_argument(
        "--model",
        default=RESTORER,
        help="a .keras file of the workbook's networks (default: the reference run's restorer)",
    )
    parser.add_argument("--out", required=True, help="the NIfTI file to write")
    parser.add_argument("--mask", help="a brain mask on the head's grid (default: DeepBrain's)")
    parser.add_argument(
        "--keep-detail",
        action="store_true",
        help="only add what the network changed: keeps what is finer than its pixels, noise too",
    )
    known = "default: as in the model's run, or"
    parser.add_argument("--plane", choices=PLANES, help=f"{known} sagittal")
    parser.add_argument("--scaling", choices=slices.SCALINGS, help=f"{known} volume")
    parser.add_argument("--field-mm", type=float, help=f"side of the square; {known} 240")
    return parser


if __name__ == "__main__":
    sys.exit(main())
