"""The feature space and the distances in it."""

import keras
import numpy as np
import pytest
from scipy import ndimage

from brainlib.evaluation import features

RNG = np.random.default_rng(0)


def _people(count=4, each=12, sides=(40, 48)):
    """Smooth pictures; those of one person are alike."""
    rng, images = np.random.default_rng(1), []
    for _ in range(count):
        base = ndimage.gaussian_filter(rng.random(sides), 3)
        images += [ndimage.shift(base, (shift / 4, 0), mode="nearest") for shift in range(each)]
    images = np.array(images, "float32")[..., None]
    images = (images - images.min()) / (images.max() - images.min())
    return images, np.repeat(np.arange(count), each), np.tile(np.arange(each) / each, count)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    images, subjects, places = _people()
    lines = []
    space = features.train(
        images, subjects, places, folder, epochs=6, show=lambda line, **_: lines.append(line)
    )
    return space, folder, images, subjects, places, lines


def test_frechet_is_the_closed_form():
    """Two Gaussians: |m1-m2|^2 + tr(A + B - 2 (A B)^(1/2)), with SciPy's matrix root."""
    from scipy.linalg import sqrtm

    first, second = (
        RNG.normal(size=(60, 5)) @ RNG.normal(size=(5, 5)),
        RNG.normal(size=(41, 5)) @ RNG.normal(size=(5, 5)) + 1,
    )
    a, b = np.cov(first.T), np.cov(second.T)
    wanted = np.sum((first.mean(0) - second.mean(0)) ** 2) + np.trace(
        a + b - 2 * np.real(sqrtm(a @ b))
    )
    np.testing.assert_allclose(features.frechet(first, second), wanted, rtol=1e-8)
    assert features.frechet(first, first) == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(features.frechet(first, first + 2), 5 * 4)
    one, other = RNG.normal(0, 1, (4000, 1)), RNG.normal(0, 3, (4000, 1))
    assert features.frechet(one, other) == pytest.approx((one.std() - other.std()) ** 2, abs=0.01)


def test_a_judge_sets_equal_numbers_beside_each_other():
    """The first three pixels serve as features; people differ in them."""

    def space(images):
        return images.reshape(len(images), -1)[:, :3].astype(float)

    def people(count, each, seed):
        rng = np.random.default_rng(seed)
        return (
            rng.normal(size=(count * each, 24, 28, 1))
            + 2 * rng.normal(size=(count, 1, 1, 1)).repeat(each, axis=0)
        ), np.repeat(np.arange(count), each)

    (known, of), (reference, _) = people(10, 40, 0), people(6, 40, 1)
    judge = features.Judge(space, reference, known, of, pictures=150, seed=2)
    assert judge.n == 150 and features.Judge(space, reference, known, of).n == 240
    again = features.Judge(space, reference, known, of, pictures=150, seed=2)
    row, held_out = (
        judge(known[:150]),
        reference[np.sort(np.random.default_rng(2).permutation(240)[:150])],
    )
    assert row == again(known[:150]) and row["rmse_to_nearest_training_slice"] < 1e-5
    assert row["frechet"] == features.frechet(space(held_out), space(known[:150]))
    assert (row["precision"], row["recall"]) == features.precision_recall(
        space(held_out), space(known[:150])
    )
    with pytest.raises(ValueError, match="expected 150 pictures"):
        judge(known[:149])
    some = judge.some_known(0)
    mine = {int(of[(known == picture).all(axis=(1, 2, 3))][0]) for picture in some}
    assert len(some) == 150 and len(mine) == 5  # of half of the people
    mixed = features.Judge(space, reference, known, RNG.permutation(of), pictures=150, seed=2)
    assert _spread(judge) > 2 * _spread(mixed)  # people differ: slices alone would hide it


def _spread(judge):
    """Standard deviation of the floor's Frechet distance over random halves of the people."""
    return np.std([judge.floor(seed)["frechet"] for seed in range(8)])


def test_precision_recall():
    real = RNG.normal(size=(200, 2))
    precision, recall = features.precision_recall(real, RNG.normal(size=(200, 2)))
    assert precision > 0.85 and recall > 0.85
    precision, recall = features.precision_recall(
        real, 0.05 * RNG.normal(size=(200, 2))
    )  # all in the middle
    assert precision > 0.95 and recall < 0.1
    assert features.precision_recall(real, real + 100) == (0, 0)


def test_diversity_and_nearest():
    images = RNG.random((20, 48, 64, 1), dtype="float32")
    assert features.diversity(np.repeat(images[:1], 5, axis=0)) == pytest.approx(1, abs=1e-5)
    assert features.diversity(images) < 0.2
    place, error = features.nearest(images, images[[7, 3]] * 0.5)
    copies, zero = features.nearest(images, images[[7, 3]])
    assert list(copies) == [7, 3] and np.allclose(zero, 0, atol=1e-3) and (error > 0.1).all()


def test_space_is_saved_with_a_checksum_and_trained_once(trained):
    space, folder, images, subjects, places, lines = trained
    assert (
        space(images).shape == (len(images), 32)
        and "48 slices of 4 subjects" in space.name
        and lines
    )
    again = features.train(images, subjects, places, folder, epochs=6, show=pytest.fail)
    np.testing.assert_array_equal(again(images), space(images))
    with pytest.raises(FileNotFoundError, match="train it first"):
        features.load_space(folder / "elsewhere")
    path = folder / features.MODEL
    content = path.read_bytes()
    path.write_bytes(content + b" ")
    with pytest.raises(ValueError, match="changed after training"):
        features.load_space(folder)
    lines.clear()
    again = features.train(
        images, subjects, places, folder, epochs=6, show=lambda line, **_: lines.append(line)
    )
    assert lines[0].startswith("feature space: epoch 1/6  loss ")  # a damaged one is made anew
    np.testing.assert_allclose(again(images), space(images), rtol=1e-3, atol=1e-3)


@pytest.mark.slow
def test_a_space_is_named_by_its_weights_not_by_its_file(tmp_path):
    network = features.feature_network((16, 16, 1), people=2)
    digests = []
    for name in ("first.keras", "second.keras"):
        network.save(tmp_path / name)
        digests.append(features._weights_sha256(keras.saving.load_model(tmp_path / name)))
    assert digests[0] == digests[1]
    network.weights[0].assign_add(0.5 * network.weights[0] + 1)
    assert features._weights_sha256(network) != digests[0]


def test_a_training_that_was_broken_off_ends_like_an_unbroken_one(tmp_path, monkeypatch):
    images, subjects, places = _people(2)
    degrade, calls = features.degrade, []

    def train(folder):
        options = {"epochs": 4, "steps_an_epoch": 2, "batch_size": 16, "show": None}
        return features.train(images, subjects, places, tmp_path / folder, **options)

    def broken(*parts, **options):
        calls.append(options["seed"])
        if len(calls) == 4:
            raise KeyboardInterrupt
        return degrade(*parts, **options)

    log = features.Log
    monkeypatch.setattr(features, "Log", lambda **given: log(**given, checkpoint_seconds=0))
    expected = train("unbroken")(images)
    monkeypatch.setattr(features, "degrade", broken)
    with pytest.raises(Exception, match="KeyboardInterrupt"):
        train("broken")
    assert (tmp_path / "broken/checkpoint.npz").exists()
    found = train("broken")(images)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert calls[-1][1] == 3 and len(calls) < 4 + 4  # only the epochs that were left


def test_blur_and_noise_move_away(trained):
    space, _, images, subjects, _, _ = trained
    real = space(images)
    floor = features.frechet(real[subjects < 2], real[subjects >= 2])
    for column in (0, 1):
        distances = []
        for strength in (0.2, 0.6, 1.0):
            strengths = np.full((len(images), 4), 0.0)
            strengths[:, 2], strengths[:, column] = 0.5, strength
            distances.append(
                features.frechet(real, space(features.degrade(images, strengths, seed=3)))
            )
        assert distances[0] < distances[1] < distances[2] and floor > 0


def test_one_person_is_enough_to_learn_degradations(tmp_path, monkeypatch):
    """Few slices pass through several times an epoch where more steps are asked for."""
    images, subjects, places = _people(1)
    seen, degrade = [], features.degrade
    monkeypatch.setattr(
        features,
        "degrade",
        lambda pictures, *more, **options: (
            seen.append(pictures),
            degrade(pictures, *more, **options),
        )[1],
    )
    space = features.train(
        images, subjects, places, tmp_path, epochs=2, steps_an_epoch=3, batch_size=16, show=None
    )
    assert [len(pictures) for pictures in seen] == [48, 48] and len(
        np.unique(seen[0], axis=0)
    ) == len(images)
    assert np.isfinite(space(images)).all() and space(images).std(axis=0).max() > 0


def test_what_cannot_be_had_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="notop"):
        features.imagenet_space("vgg16", tmp_path / "none.h5")
    with pytest.raises(ValueError, match="inception, vgg16"):
        features.imagenet_space("resnet", "imagenet")
    with pytest.raises(ValueError, match="2 to 32"):
        features.feature_network((32, 32, 1), people=2, features=64)


def test_vgg16_from_a_local_file(tmp_path):
    import keras

    keras.utils.set_random_seed(0)
    network = keras.applications.VGG16(include_top=False, weights=None)
    network.save_weights(tmp_path / "vgg16_notop.weights.h5")
    space = features.imagenet_space("vgg16", tmp_path / "vgg16_notop.weights.h5")
    images = RNG.random((2, 40, 48, 1), dtype="float32")
    grey = keras.ops.image.resize(np.repeat(images, 3, axis=-1), (224, 224)) * 255 - np.array(
        [103.939, 116.779, 123.68], "float32"
    )
    wanted = network.predict(grey, verbose=0).mean(axis=(1, 2))
    np.testing.assert_allclose(space(images), wanted, rtol=1e-3, atol=1e-4)
    assert "512 features of vgg16" in space.name
