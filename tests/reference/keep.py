"""Makes `outputs/reference` from a run: what serves before anything was trained.

    PYTHONPATH=. .venv/bin/python tests/reference/keep.py RUN

It keeps the networks of the first division and random seed without their optimisers, the tables
of the report's main text, the report, and the pages for the web where the run has
them (`./run_all.sh --pages`). It writes a few test slices with what each network made of them, so
that a test can repeat it. Whatever else `outputs/reference` holds, such as the restorer, stays.
"""

import json
import shutil
import sys
from pathlib import Path

import numpy as np

from brainlib import files, metrics, models, studies
from brainlib.record import Run
from brainlib.show import findings
from brainlib.training.finished import RECORD

REFERENCE = Path(__file__).resolve().parents[2] / "outputs" / "reference"
PLACE = "standard"  # below the folder of each network: another place than the restorer's
NETWORKS = {  # folder below `models` -> file
    "vae": "model.keras",
    "vqvae": "model.keras",
    "vqvae_prior": "prior.keras",
    "vqgan/vqgan_uad": "model.keras",
    "vqgan/prior": "prior.keras",
    "residual_unet": "model.keras",
    "skip_connection_cae": "model.keras",
    "uad_vae_uad": "model.keras",
    "uad_vqvae_uad": "model.keras",
    "uad_vqvae_uad_prior": "prior.keras",
}
SLICES = "slices.npz"
CHECKED = ("vae", "vqvae", "vqgan/vqgan_uad", "residual_unet", "skip_connection_cae")
PICTURES = 12
LARGEST_TABLE = 60_000  # bytes
FACTS = ("profile", "data", "versions", "threads", "device", "seconds", "git")
REPORTS = ("report.html", "report.pdf")


def keep(folder: Path, target: Path = REFERENCE) -> list[str]:
    """Writes the reference run; names of the networks that it keeps.

    Args:
        folder: of a finished run.
        target: of the reference run.
    """
    record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    kept = _networks(folder, target)
    _pictures(Run("08_evaluation", folder, {"data": record["data"], "seed": 0}), target, kept)
    _texts(folder, target, record)
    return kept


def _networks(folder: Path, target: Path) -> list[str]:
    kept = []
    for name, file in NETWORKS.items():
        found = sorted((folder / "models" / name).glob(f"*/{file}"))
        if not found:
            continue
        place = target / "models" / name / PLACE
        place.mkdir(parents=True, exist_ok=True)
        models.load(found[0]).save(place / file)  # loaded without its optimiser
        about = json.loads((found[0].parent / RECORD).read_text(encoding="utf-8"))
        about.pop("history_sha256", None)
        files.write_json(place / RECORD, about | {"sha256": files.sha256(place / file)})
        kept.append(name)
    return kept


def _pictures(run: Run, target: Path, kept: list[str]) -> None:
    """Test slices, and the PSNR with which each network rebuilds them."""
    slices = studies.open_slices(run)
    chosen = slices.spread(slices.first.test, PICTURES)
    pictures = np.round(slices.pictures(chosen) * 255).astype("uint8")
    psnr = {}
    for name in CHECKED:
        if name in kept:
            model = models.load(target / "models" / name / PLACE / NETWORKS[name])
            clean = pictures.astype("float32") / 255
            rebuilt = models.reconstruct(model, clean)
            psnr[name] = metrics.psnr(clean, rebuilt, data_range=1.0).tolist()
    np.savez_compressed(target / SLICES, slices=pictures)
    about = {"slices": slices.titles(chosen), "psnr_db": psnr, "source": "IXI, CC BY-SA 3.0"}
    files.write_json(target / "slices.json", about)


def _texts(folder: Path, target: Path, record: dict) -> None:
    chapters = {name: entry["status"] for name, entry in record["notebooks"].items()}
    shutil.rmtree(target / "tables", ignore_errors=True)
    for chapter, words in findings.chapters_in_words().items():
        done = chapters.get(chapter) == "finished"
        for name in words.get("tables", []) if done else ():
            path = folder / "tables" / chapter / f"{name}.csv"
            if path.exists() and path.stat().st_size < LARGEST_TABLE:
                place = target / path.relative_to(folder)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, place)
    whole = set(chapters.values()) == {"finished"}
    for name in REPORTS if whole else ():
        shutil.copy(folder / name, target / name)
    facts = {key: record[key] for key in FACTS if key in record}
    status = "finished" if whole else "not finished"
    files.write_json(target / "run.json", {"status": status, "chapters": chapters, **facts})
    if (folder / "pages").is_dir():
        shutil.rmtree(target / "pages", ignore_errors=True)
        shutil.copytree(folder / "pages", target / "pages")


if __name__ == "__main__":
    print("kept:", ", ".join(keep(Path(sys.argv[1]))))
