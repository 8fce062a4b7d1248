"""Networks of earlier chapters are found where they were trained."""

import pytest

from brainlib import record, studies

FOLDERS = {
    "04_vae": {"vae": "models/vae"},
    "05_vqvae": {"vqvae": "models/codes"},
    "07_ae_variants": {"unet": "models/unet", "never_trained": "models/never"},
}
TRAINED = ("unet/fold 1", "vae_seed/fold 1", "codes/fold 1", "vae/fold 1", "codes/fold 1/seed_000")


def test_models_of_one_round_are_found_in_the_order_of_chapters(tmp_path):
    for folder in TRAINED:
        path = tmp_path / "models" / folder / "model.keras"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    for chapter, folders in FOLDERS.items():
        run = record.start(chapter, out=str(tmp_path))
        run.note("models", folders)
        run.done()
    run = record.start("12_inspector", out=str(tmp_path))
    found = studies.saved_models(run, "fold 1")
    assert list(found) == ["vae", "vqvae", "unet", "vae_seed", "vqvae_seed"]
    assert found["vqvae_seed"] == tmp_path / "models/codes/fold 1/seed_000/model.keras"
    assert studies.saved_models(run, "fold 2") == {}


def test_a_chapter_without_result_is_named(tmp_path):
    run = record.start("12_inspector", out=str(tmp_path))
    with pytest.raises(record.NotRunYet, match="04_vae"):
        studies.saved_models(run, "fold 1")
