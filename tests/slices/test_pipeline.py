"""Batches: the right slices, the right corruptions, the same again from any epoch on."""

import numpy as np
import pytest

from brainlib.slices import pipeline
from brainlib.slices.corruptions import corrupt
from brainlib.slices.pipeline import Slices

RNG = np.random.default_rng(0)


@pytest.fixture
def stored(tmp_path):
    """(path, array) of 23 slices of 16x24; every slice is known by its first pixel."""
    images = RNG.uniform(0.3, 0.7, (23, 16, 24, 1)).astype("float32")
    images[:, 0, 0, 0] = np.arange(23) / 100
    np.save(tmp_path / "slices.npy", images)
    return tmp_path / "slices.npy", images


def _arrays(dataset):
    inputs, targets = zip(*dataset.as_numpy_iterator())
    return np.concatenate(inputs), np.concatenate(targets)


def _numbers(targets):
    return np.rint(targets[:, 0, 0, 0] * 100).astype(int)


def test_every_slice_once_an_epoch_and_in_a_new_order_each(stored):
    slices = Slices(stored[0], batch_size=5, seed=1)
    orders = [_numbers(_arrays(slices.epoch(epoch))[1]) for epoch in range(3)]
    assert slices.steps == 5 and len(slices) == 23 and slices.epoch().cardinality() == 5
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(23))
    assert not np.array_equal(orders[0], orders[1]) and not np.array_equal(orders[1], orders[2])
    assert [len(x) for x, _ in slices.epoch().as_numpy_iterator()] == [5, 5, 5, 5, 3]
    twice = slices.epoch(1, again=True).take(10)
    assert [len(x) for x, _ in twice.as_numpy_iterator()] == [5, 5, 5, 5, 3, 5, 5, 5, 5, 3]
    np.testing.assert_array_equal(_numbers(_arrays(twice)[1]), np.tile(orders[1], 2))


def test_pixels_belong_to_their_slices(stored):
    path, images = stored
    inputs, targets = _arrays(Slices(path, indices=[7, 3, 20, 4], batch_size=3).epoch(4))
    np.testing.assert_array_equal(targets, images[_numbers(targets)])
    np.testing.assert_array_equal(inputs, targets)
    assert set(_numbers(targets)) == {7, 3, 20, 4}
    inputs, targets = _arrays(
        Slices(path, indices=[7, 3, 20, 4], batch_size=3, shuffle=False).epoch(4)
    )
    np.testing.assert_array_equal(_numbers(targets), [7, 3, 20, 4])


def test_corruption_is_the_one_of_seed_epoch_and_index(stored):
    path, images = stored
    slices = Slices(path, indices=np.arange(5, 20), batch_size=4, corruption="seed004", seed=3)
    inputs, targets = _arrays(slices.epoch(2))
    numbers = _numbers(targets)
    np.testing.assert_array_equal(targets, images[numbers])  # the target is always clean
    np.testing.assert_allclose(
        inputs, corrupt(images[numbers], "seed004", seed=3, epoch=2, indices=numbers), atol=1e-6
    )
    other = slices.with_options(batch_size=7)  # whatever the batch
    others = dict(zip(_numbers(_arrays(other.epoch(2))[1]), _arrays(other.epoch(2))[0]))
    for number, image in zip(numbers, inputs):
        np.testing.assert_allclose(others[number], image, atol=1e-6)


@pytest.mark.parametrize("use", [{}, {"shuffle": False}, {"indices": [7, 3, 20, 4, 9, 11, 0]}])
def test_slices_read_batch_by_batch_are_those_held_in_memory(stored, monkeypatch, use):
    slices = Slices(stored[0], batch_size=5, corruption="seed004", seed=2, **use)
    held = _arrays(slices.stream(1).take(2 * slices.steps)), _arrays(slices.epoch(3))
    monkeypatch.setattr(pipeline, "HELD", 0)
    monkeypatch.setattr(slices, "images", None)  # not asked for any more
    read = _arrays(slices.stream(1).take(2 * slices.steps)), _arrays(slices.epoch(3))
    for one, other in zip(held, read):
        np.testing.assert_array_equal(one, other)


def test_validation_is_corrupted_alike_in_every_epoch(stored):
    slices = Slices(stored[0], corruption="seed004", shuffle=False)
    np.testing.assert_array_equal(_arrays(slices.epoch(0))[0], _arrays(slices.epoch(5))[0])
    trained = slices.with_options(shuffle=True)
    first, later = _arrays(trained.epoch(0)), _arrays(trained.epoch(1))
    assert not np.allclose(
        first[0][np.argsort(_numbers(first[1]))], later[0][np.argsort(_numbers(later[1]))]
    )


def test_a_stream_taken_up_later_is_the_unbroken_one(stored):
    slices = Slices(stored[0], batch_size=5, corruption="seed003", seed=2)
    unbroken = _arrays(slices.stream().take(4 * slices.steps))
    taken_up = _arrays(slices.stream(start_epoch=2).take(2 * slices.steps))
    for whole, part in zip(unbroken, taken_up):
        assert len(whole) == 4 * 25  # 23 slices in five full batches of 5
        np.testing.assert_array_equal(whole[2 * 25 :], part)
    np.testing.assert_array_equal(unbroken[0][25:48], _arrays(slices.epoch(1))[0])


@pytest.mark.parametrize("step", (0, 3, 5, 12))
def test_a_stream_taken_up_within_an_epoch_is_the_unbroken_one(stored, step):
    slices = Slices(stored[0], batch_size=5, corruption="seed003", seed=2)
    unbroken = _arrays(slices.stream().take(16))
    taken_up = _arrays(slices.stream(start_step=step).take(16 - step))
    for whole, part in zip(unbroken, taken_up):
        np.testing.assert_array_equal(whole[5 * step :], part)


def test_dataset_of_an_array_is_that_of_its_file(stored):
    path, images = stored
    for repeat in (False, True):
        options = {
            "batch_size": 6,
            "corruption": "seed004",
            "seed": 4,
            "epoch": 1,
            "repeat": repeat,
        }
        from_file, from_array = (
            _arrays(pipeline.dataset(source, **options).take(4)) for source in (path, images)
        )
        np.testing.assert_array_equal(from_file[0], from_array[0])
    batch = next(iter(pipeline.dataset(path)))
    assert batch[0].shape == (23, 16, 24, 1) and batch[0].dtype == "float32"


def test_masks_and_bad_indices(stored):
    mask = np.zeros(23, bool)
    mask[[2, 9]] = True
    np.testing.assert_array_equal(Slices(stored[0], indices=mask).indices, [2, 9])
    for bad, said in (
        ([0, 23], "holds 23"),
        ([-1], "holds 23"),
        ([], "at least one"),
        ([0.5], "whole number"),
        (mask[:5], "mask of 23"),
    ):
        with pytest.raises(ValueError, match=said):
            Slices(stored[0], indices=bad)
    with pytest.raises(ValueError, match="with_options"):
        Slices(stored[0]).with_options(indices=[1])


@pytest.mark.parametrize("value", [2.0, -0.1, np.nan, np.inf])
def test_targets_outside_the_outputs_range_are_refused(stored, tmp_path, value):
    images = stored[1].copy()
    images[17, 3, 4, 0] = value
    np.save(tmp_path / "bad.npy", images)
    with pytest.raises(ValueError, match="bad.npy: expected values from 0 to 1.*slice 17"):
        Slices(tmp_path / "bad.npy")
    assert (
        len(Slices(tmp_path / "bad.npy", indices=np.arange(17))) == 17
    )  # only what is used is looked at


def test_wrong_shapes_and_pickles_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"\(N, H, W, 1\)"):
        Slices(np.zeros((5, 16, 24)))
    np.save(tmp_path / "objects.npy", np.array([{}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(ValueError):
        Slices(tmp_path / "objects.npy")


def test_digest_follows_content_and_use(stored, tmp_path):
    path, images = stored
    same = Slices(path, indices=[1, 2])
    assert same.digest() == Slices(path, indices=[1, 2]).digest()
    others = [
        Slices(path, indices=[1, 3]),
        same.with_options(seed=1),
        same.with_options(corruption="seed004"),
        same.with_options(batch_size=3),
        same.with_options(shuffle=False),
    ]
    images = images.copy()
    images[0, 5, 5] += 0.01
    np.save(tmp_path / "other.npy", images)
    digests = {
        slices.digest()
        for slices in [same, *others, Slices(tmp_path / "other.npy", indices=[1, 2])]
    }
    assert len(digests) == 7


def test_several_passes_make_one_epoch(stored):
    """Epoch e of three passes is epochs 3e to 3e + 2 of one pass, corruptions included."""
    one = Slices(stored[0], batch_size=5, seed=1, corruption="seed004")
    three = one.with_options(passes=3)
    assert three.steps == 15 and len(three) == 23 and three.digest() != one.digest()
    inputs, targets = _arrays(three.stream(2).take(15))
    expected = [_arrays(one.stream(epoch).take(5)) for epoch in (6, 7, 8)]
    np.testing.assert_array_equal(inputs, np.concatenate([pair[0] for pair in expected]))
    np.testing.assert_array_equal(targets, np.concatenate([pair[1] for pair in expected]))
    for wrong in (0, 1.5):
        with pytest.raises(ValueError, match="passes"):
            one.with_options(passes=wrong)


@pytest.mark.parametrize(
    ("steps", "steps_of_it"), [(0, 5), (5, 5), (7, 5), (8, 10), (30, 30), (31, 30)]
)
def test_few_slices_pass_through_until_an_epoch_is_long_enough(stored, steps, steps_of_it):
    slices = Slices(stored[0], batch_size=5)  # 23 slices, 5 steps a pass
    assert slices.at_least(steps).steps == steps_of_it
    assert slices.with_options(passes=3).at_least(steps).steps == max(15, steps_of_it)
