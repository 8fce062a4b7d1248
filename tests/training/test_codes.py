"""Use of a codebook, everywhere and on the brain, watched while it trains; patches of codes."""

import keras
import numpy as np
import pytest

from brainlib import models, training
from brainlib.training import codes as training_codes


def test_use_everywhere_and_on_the_brain():
    codes = np.array([[[0, 0, 1], [2, 3, 0]]])
    masks = np.zeros((1, 4, 6), bool)
    masks[0, :, 2:4] = masks[0, 2:, :2] = True  # codes 0, 2, 3
    table = training_codes.codebook_use(codes, 8, masks).set_index("region")
    np.testing.assert_allclose(table.perplexity, [2 ** (0.5 + 1 / 2 * np.log2(6)), 3])
    np.testing.assert_allclose(table.in_use, [4 / 8, 3 / 8])
    np.testing.assert_allclose(table.perplexity_share, table.perplexity / 8)
    assert list(table.places) == [6, 3] and list(training_codes.codebook_use(codes, 8).region) == [
        "everywhere"
    ]


def test_patches_are_those_that_the_picture_was_made_of():
    rng = np.random.default_rng(0)
    tiles, codes = rng.random((5, 4, 6)), rng.integers(0, 4, (20, 3, 2))  # the fifth is never used
    rows = []
    for row in range(3):
        rows.append(np.concatenate([tiles[codes[:, row, column]] for column in range(2)], axis=2))
    images = np.concatenate(rows, axis=1)
    patches, counts = training_codes.patches_of_codes(images[..., None], codes, 5, around=0)
    np.testing.assert_allclose(patches[:4], tiles[:4], atol=1e-6)
    assert np.isnan(patches[4]).all() and counts.sum() == codes.size and counts[4] == 0
    wider, _ = training_codes.patches_of_codes(images[..., None], codes, 5, around=0.5)
    np.testing.assert_allclose(wider[:4, 2:6, 3:9], tiles[:4], atol=1e-6)
    assert wider.shape == (5, 8, 12)


@pytest.mark.slow
def test_one_pair_of_rows_an_epoch_also_when_killed(tmp_path):
    images = np.random.default_rng(0).random((8, 16, 16, 1)).astype("float32")
    masks = np.ones((8, 16, 16), bool)

    class Killed(Exception):
        pass

    def end(epoch, logs):
        if epoch == 1:
            raise Killed

    def fit(*more):
        model = models.build(
            "vqvae", image_shape=(16, 16), width=0.05, depth=2, codebook_size=8, code_dim=2, seed=1
        )
        watch = training_codes.CodebookWatch(images, masks, tmp_path / "codes.csv")
        training.fit(
            model,
            images,
            images,
            recipe="000-vqvae",
            batch_size=8,
            epochs=3,
            folder=tmp_path,
            show=None,
            checkpoint_seconds=0,
            tensorboard=False,
            callbacks=[watch, *more],
        )

    with pytest.raises(Killed):
        fit(keras.callbacks.LambdaCallback(on_epoch_end=end))
    fit()
    table = training_codes.read_watch(tmp_path / "codes.csv")
    assert list(table.epoch) == [epoch for epoch in range(1, 4) for _ in range(2)]
    assert (
        list(table.region) == ["everywhere", "brain"] * 3 and table.perplexity.between(1, 8).all()
    )
