"""What a model's size says."""

import pytest

from brainlib import models


@pytest.mark.parametrize(
    ("name", "latent", "skipped", "could_copy"),
    [
        ("vae", 1024, 0, False),
        ("shallow_residual", 16 * 16 * 128, 0, True),
        ("residual_unet", 16 * 16 * 128, 32 * 32 * 64 + 64 * 64 * 32, True),
        ("resnet_small", 16 * 16 * 256, 0, True),
    ],
)
def test_describe_tells_who_could_copy(name, latent, skipped, could_copy):
    size = models.describe(models.build(name))
    assert (size["latent"], size["skipped"], size["could_copy"]) == (latent, skipped, could_copy)
    assert size["latent_per_pixel"] == (latent + skipped) / size["pixels"]
