"""Which networks earlier chapters have saved, for a chapter that looks at all of them."""

from pathlib import Path

from brainlib.record import Run

CHAPTERS = ("04_vae", "05_vqvae", "07_ae_variants")


def saved_models(run: Run, round_name: str) -> dict[str, Path]:
    """The `.keras` files that 04, 05 and 07 trained in one round, by the model's name.

    Beside what those chapters name in their notes, `vae_seed` (the VAE with thesis 000's loss) and
    `vqvae_seed` (the VQ-VAE with its 2x2 map of codes) are found where they were trained.

    Raises:
        NotRunYet: one of the chapters has no result.
    """
    folders = {}
    for chapter in CHAPTERS:
        folders |= run.needs(chapter)["notes"]["models"]
    found = {}
    for name, folder in folders.items():
        found[name] = run.folder / folder / round_name / "model.keras"
    vqvae = folders.get("vqvae", "models/vqvae")
    found["vae_seed"] = run.folder / "models" / "vae_seed" / round_name / "model.keras"
    found["vqvae_seed"] = run.folder / vqvae / round_name / "seed_000" / "model.keras"
    return {name: path for name, path in found.items() if path.is_file()}
