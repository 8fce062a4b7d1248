"""The restorer of the reference run, on heads that took no part in its training.

Run as a script, it prints the table of outputs/reference/README.md:

    PYTHONPATH=. .venv/bin/python tests/reference/test_restorer.py [MODEL.keras]

Real heads beside the checkout (`../shared`): people of the scanner that it was trained on, and of
other scanners, some without skull or face. Eight sagittal slices of a head at 128x128, each scaled
to [0, 1]. Damage: 4 % of the pixels drop out, noise of sd 0.03, one black square of 24 pixels, blur
of sigma 0.6 on a third.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest

from brainlib import corruptions, filters, metrics, volumes
from brainlib.slices import planes
from brainlib.slices.preparation import fit_square, scale, window
from brainlib.training import saved

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "outputs" / "reference"
RECORD = json.loads((REFERENCE / "restorer.json").read_text())
SHARED = ROOT.parent / "shared"
SLICES, SIZE, SEED = 8, 128, 0
DAMAGE = corruptions.Preset(
    dropout=(0.04, 0.04),
    noise_sigma=(0.03, 0.03),
    square_probability=1.0,
    square_side=(24 / 128, 24 / 128),
    blur_probability=1 / 3,
    blur_sigma=(0.6, 0.6),
)
SETS = {
    "ds000011, whole heads, 4 people": ("real/ds000011/*_T1w.nii.gz",),
    "MS, brains, 2 people": ("real/ms/patient26_T1.nii.gz", "real/ms/patient01_visit1_T1.nii.gz"),
    "ds002748, brains, 20 people": ("real/ds002748/*_T1w.nii.gz",),
}


def head_slices(path: Path) -> np.ndarray:
    """(8, 128, 128, 1) in [0, 1]: sagittal slices, spread over the middle of a head."""
    volume = volumes.load(path)
    array = np.clip(volume.array, 0, np.percentile(volume.array, 99.9))
    stack = planes.pictures(array, "sagittal")
    spacing = planes.pixel_mm(volume.voxel_mm, "sagittal")
    filled = (stack > 0.1 * np.percentile(stack, 99.5)).sum(axis=(1, 2))
    wide = np.flatnonzero(filled > 0.45 * filled.max())
    margin = 0.12 * (wide[-1] - wide[0])
    numbers = np.linspace(wide[0] + margin, wide[-1] - margin, SLICES).round().astype(int)
    sides = [side * mm for side, mm in zip(stack.shape[1:], spacing)]
    box = [(0, side - 1) for side in stack.shape[1:]]
    edges = window(stack.shape[1:], spacing, box, field_mm=max(sides))
    made = [scale(fit_square(stack[number], spacing, edges, SIZE), None) for number in numbers]
    return np.stack(made)[..., None]


def sets_of_heads() -> dict[str, list[Path]]:
    """The files of each set; the first is of the scanner that the restorer was trained on."""
    own = [*SHARED.glob("real/ixi-hh/t1/*.nii.gz"), *SHARED.glob("ixi-sample/t1/*.nii.gz")]
    held = [path for path in sorted(own) if path.name[:6] in RECORD["held_out"]]
    found = {f"IXI HH, {len(held)} people held out": held}
    for name, patterns in SETS.items():
        found[name] = [path for pattern in patterns for path in sorted(SHARED.glob(pattern))]
    return found


def measured(model: keras.Model, paths: list[Path], *, with_filters: bool = False) -> pd.DataFrame:
    """One row per slice: PSNR in dB of the corrupted input, of restorations, of clean slices.

    with_filters: of the classical filters, too; they take half a second per slice.
    """
    clean = np.concatenate([head_slices(path) for path in paths])
    corrupted = corruptions.corrupt(clean, DAMAGE, seed=SEED)
    outputs = {
        "input": corrupted,
        "restored": model.predict(corrupted, verbose=0, batch_size=32),
        "clean": model.predict(clean, verbose=0, batch_size=32),
    }
    if with_filters:
        outputs["filters"] = np.clip(filters.in_turn(corrupted), 0, 1)
    rows = {name: metrics.psnr(clean, one, data_range=1.0) for name, one in outputs.items()}
    return pd.DataFrame(
        {"head": np.repeat([f"{path.parent.name}/{path.name}" for path in paths], SLICES), **rows}
    )


def load(path: Path = REFERENCE / RECORD["model"]) -> keras.Model:
    """As anybody loads it, without this library."""
    return keras.saving.load_model(path, compile=False)


def test_it_loads_without_this_library_and_is_the_published_network():
    model = load()
    assert model.input_shape == (None, 128, 128, 1)
    assert model.count_params() == 483_649
    assert {weight.dtype for weight in model.weights} == {"float32"}


def test_it_is_found_where_a_run_has_no_network_of_its_own(tmp_path):
    found = saved.find(SimpleNamespace(folder=tmp_path), "residual_unet", "holdout")
    assert found.path == REFERENCE / RECORD["model"]
    assert "in the reference run" in found.in_words()


@pytest.mark.skipif(not (SHARED / "real").is_dir(), reason="the real heads are not at hand")
def test_people_of_other_scanners_are_restored_and_their_clean_slices_are_left_alone():
    table = measured(load(), sets_of_heads()["ds000011, whole heads, 4 people"])
    means = table.groupby("head")[["input", "restored", "clean"]].mean()
    assert (means.restored > means.input + 7).all()
    assert means.restored.mean() > 28
    assert means.clean.mean() > 36


if __name__ == "__main__":
    network = load(*[Path(argument) for argument in sys.argv[1:2]])
    parts = {
        name: measured(network, paths, with_filters=True)
        for name, paths in sets_of_heads().items()
        if paths
    }
    others = pd.concat(list(parts.values())[1:])
    parts[f"all other scanners, {others['head'].nunique()} people"] = others
    for title, part in parts.items():
        by_head = part.groupby("head").mean()
        print(
            f"{title:40s}",
            by_head.mean().round(1).to_dict(),
            f"sd {by_head.std().round(1).to_dict()}",
        )
