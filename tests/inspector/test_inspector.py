"""The inspector: closed forms of its measures; what it shows of the inside of a network."""

import keras
import numpy as np
import pytest
from keras import layers
from skimage import io

from brainlib import inspector
from brainlib.inspector import filters as inspector_filters
from brainlib.inspector import probes
from brainlib.inspector.networks import reconstruct
from brainlib.inspector.waist import waist


def images(count=6, shape=(18, 14, 1), seed=0):
    return np.random.default_rng(seed).random((count, *shape), dtype="float32")


def dense_autoencoder(latent=5, shape=(18, 14, 1)):
    inputs = keras.Input(shape)
    x = layers.Dense(latent)(layers.Flatten()(inputs))
    x = layers.Dense(int(np.prod(shape)), activation="sigmoid")(x)
    return keras.Model(inputs, layers.Reshape(shape)(x))


# ------------------------------------------------------------------------------------- parts


def test_the_waist_counts_what_goes_past_it():
    assert waist(dense_autoencoder(5)) == 5
    inputs = keras.Input((18, 14, 1))
    x = layers.Conv2D(3, 3, strides=2, padding="same")(inputs)  # 9 x 7 x 3 = 189
    side = layers.GlobalAveragePooling2D()(x)  # 3
    x = layers.Dense(4)(layers.Flatten()(x))
    joined = layers.Concatenate()([x, side])
    outputs = layers.Reshape((18, 14, 1))(layers.Dense(18 * 14)(joined))
    assert waist(keras.Model(inputs, outputs)) == 4 + 3


def test_probes_keep_the_grey_values():
    batch = images()
    for probe in (probes.noise(batch), probes.shuffled_patches(batch, patch=3)):
        assert probe.shape == batch.shape and not np.array_equal(probe, batch)
        np.testing.assert_array_equal(np.sort(probe.reshape(6, -1)), np.sort(batch.reshape(6, -1)))


def test_a_copier_is_flagged():
    inputs = keras.Input((18, 14, 1))
    report = inspector.inspect(keras.Model(inputs, layers.Activation("linear")(inputs)), images())
    assert report["loss on strange pictures"].flagged
    np.testing.assert_allclose(report.arrays["variance_lost"]["photographs"], 0)


@pytest.mark.parametrize("scale, flagged", [(1.0, False), (2.0, True)])
def test_targets_out_of_reach(scale, flagged):
    report = inspector.inspect(dense_autoencoder(), scale * images())
    assert report["targets out of reach"].flagged == flagged


# ------------------------------------------------------------------------------------- filters


@pytest.fixture(scope="module")
def known():
    """A copy of two channels, the image and twice the image.

    The output is 0.6 of the first plus 0.2 of the second.
    """
    inputs = keras.Input((18, 14, 1))
    latent = layers.Conv2D(2, (3, 5), padding="same", use_bias=False, name="latent")
    mix = layers.Conv2D(1, 1, use_bias=False)
    model = keras.Model(inputs, mix(latent(inputs)))
    kernel = np.zeros((3, 5, 1, 2), "float32")
    kernel[1, 2, 0] = [1, 2]
    latent.kernel.assign(kernel)
    mix.kernel.assign(np.reshape(np.array([0.6, 0.2], "float32"), (1, 1, 2, 1)))
    return model


def test_filters_and_maps(known):
    filters = inspector_filters.first_filters(known)
    assert filters.shape == (2, 3, 5, 1) and filters[0].sum() == 1 and filters[1, 1, 2, 0] == 2
    batch = images(5)
    maps = inspector_filters.feature_maps(known, batch, "latent", batch_size=2)
    np.testing.assert_allclose(maps, np.concatenate([batch, 2 * batch], axis=-1), rtol=1e-6)
    with pytest.raises(ValueError, match="latent"):
        inspector_filters.feature_maps(known, batch, "nothing")


def test_a_channel_is_worth_what_it_adds(known):
    """The copy without channel c lacks share w_c of the image, or of its distance from the mean."""
    batch = images(5)
    for to, rest in (("zero", batch), ("mean", batch - batch.mean())):
        worth = inspector_filters.switched_off(known, batch, "latent", to=to)
        squares = (rest**2).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(
            worth, np.stack([0.36 * squares, 0.16 * squares], axis=1), rtol=1e-3
        )
    np.testing.assert_allclose(
        inspector_filters.switched_off(known, batch, "latent", channels=[1]),
        worth[:, 1:],
        rtol=1e-6,
    )
    np.testing.assert_allclose(reconstruct(known, batch), batch, rtol=1e-5)  # as it was
    with pytest.raises(ValueError, match="0 to 1"):
        inspector_filters.switched_off(known, batch, "latent", channels=[2])


def test_occlusion_of_a_copy_stays_where_it_is(known):
    batch = images(3)
    maps = inspector_filters.occlusion(known, batch, patch=4, stride=5, layer="latent")
    # 18 x 14 pixels: tops 0 5 10, lefts 0 5 10
    assert maps["inside"].shape == (3, 3, 3) == maps["latent"].shape
    np.testing.assert_allclose(maps["outside"], 0, atol=1e-6)
    patch = batch[:, 5:9, 10:14]
    np.testing.assert_allclose(maps["inside"][:, 1, 2], (patch**2).mean(axis=(1, 2, 3)), rtol=1e-4)
    change = np.sqrt(5 * (patch**2).sum(axis=(1, 2, 3)) / (18 * 14 * 2))
    np.testing.assert_allclose(maps["latent"][:, 1, 2], change, rtol=1e-4)
    with pytest.raises(ValueError, match="1 to 14"):
        inspector_filters.occlusion(known, batch, patch=15)


def test_photographs_need_no_network(monkeypatch):
    import socket

    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("asked the network"))
    found = probes.photographs((18, 14, 1), low=0.0, high=2.0)
    assert found.shape == (6, 18, 14, 1) and 0 <= found.min() and 1 < found.max() <= 2
    assert all(picture.std() > 0.1 for picture in found)


def test_pictures_are_read_from_a_folder(tmp_path):
    grey = np.random.default_rng(0).integers(0, 256, (8, 6)).astype("uint8")
    io.imsave(tmp_path / "a.png", grey, check_contrast=False)
    np.save(tmp_path / "b.npy", images(3, (8, 6, 1)))
    found = inspector.read_pictures(tmp_path, (8, 6, 1))
    assert found.shape == (4, 8, 6, 1)
    np.testing.assert_allclose(found[0, ..., 0], grey / 255, atol=1e-6)
    np.testing.assert_array_equal(found[1:], images(3, (8, 6, 1)))
    spread = inspector.read_pictures(tmp_path, (8, 6, 1), most=2)
    np.testing.assert_array_equal(spread, found[[0, 3]])
    with pytest.raises(ValueError, match="expected pictures of 6x8"):
        inspector.read_pictures(tmp_path, (6, 8, 1))


def test_the_theses_faults_name_findings_that_exist():
    inputs = keras.Input((18, 14, 1))
    report = inspector.inspect(keras.Model(inputs, layers.Activation("linear")(inputs)), images())
    table = inspector.faults(report).set_index("fault")
    assert table.flagged["A network that copies what it is given"] == "yes"
    assert table.flagged["2x2 places of 128 codes: 28 bits"] == "not asked"
    assert list(inspector.faults().columns) == ["fault", "finding", "needs"]


def test_filters_of_two_networks_are_told_apart():
    """Means of one sign against differences of two, and against copies of one filter."""
    rng = np.random.default_rng(0)
    means = rng.uniform(0.1, 1, (6, 3, 4, 1))
    edges = means - means.mean(axis=(1, 2, 3), keepdims=True)
    same = np.repeat(edges[:1], 5, axis=0)
    kernels = {"means": means, "edges": edges, "same": same, "one": edges[:1]}
    table = inspector_filters.filter_table(kernels, seed=0).set_index("model")
    assert table.edges.tolist() == [0, 1, 1, 1] and table.filters.tolist() == [6, 6, 5, 1]
    assert table.alike["same"] == pytest.approx(1) and table.alike["edges"] < 0.8
    assert np.isnan(table.alike["one"])
    assert 0.3 < table.edges_random["means"] < 1 and table.alike_random["means"] < 0.4
