"""The points of the theses' sweeps, as the runner gathers them, fill the theses' tables."""

from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from brainlib import anomaly_study, studies
from brainlib.run import catalogue, sweep_results, sweeps

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
MEASURED = ["val_loss", "psnr_clean", "dssim_clean", "psnr_corrupted", "dssim_corrupted"]
OF_004 = {"no": "clean", "yes": "corrupted"}  # augmentation: sweep
AREAS = ["sample_auroc", "sample_auprc", "slice_auroc", "slice_auprc", "dice_total", "pixel_auprc"]


def swept(name: str, outputs: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """A sweep all of whose points wrote the same table, read as a chapter reads it."""
    table = catalogue.read_table(NOTEBOOKS / "Snakefile")
    notebooks = catalogue.read_notebooks(list(table), table, NOTEBOOKS)
    sweep = sweeps.read(NOTEBOOKS / "sweeps" / f"{name}.yaml", table, notebooks)
    folder = outputs / f"sweep-{name}-smoke-phantom"
    for point in sweep.points:
        place = folder / "points" / point.name / "tables" / sweep.notebook
        place.mkdir(parents=True)
        rows.to_csv(place / f"{sweep.results}.csv", index=False)
    entries = {point.name: {"status": "finished", "seconds": 1} for point in sweep.points}
    sweep_results.write(sweep, folder, entries)
    run = SimpleNamespace(path=lambda *parts: outputs / "quick-phantom" / "tables")
    return studies.sweep_points(run, name)


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    return tmp_path_factory.mktemp("outputs")


def test_all_rows_of_thesis_004_are_filled_by_its_two_sweeps(outputs):
    row = pd.DataFrame([dict.fromkeys(MEASURED, 0.5)])
    points = {kind: swept(f"004_{name}", outputs, row) for kind, name in OF_004.items()}
    published = pd.read_csv(NOTEBOOKS / "published" / "reconstruction_residual_2020.csv")
    table = studies.rows_of_004(points, published)
    assert len(table) == 18 and (table.random_seeds == 3).all()
    assert (table[[f"ours_{name}" for name in MEASURED]] == 0.5).all(axis=None)


def test_the_whole_appendix_of_thesis_002_is_filled_by_its_sweep(outputs):
    row = dict.fromkeys(AREAS, 0.5)
    rows = pd.DataFrame([{"group": name, **row} for name in ("tumour", "stroke")])
    table = anomaly_study.areas_by_code_size(swept("002_latents", outputs, rows))
    assert (table.value == 0.5).all() and (table.n == 3).all()
    sizes = table.drop_duplicates(["model", "embedding_dim", "codebook_size"])
    grids = {"vae_uad": 4, "vqvae_uad": 16, "vqgan_uad": 9}  # its section 4.2.2
    assert sizes.model.value_counts().to_dict() == grids
    assert len(table) == sum(grids.values()) * 2 * 6  # kinds of lesions, measures
