"""Files that are no models of Keras 3: one line each, with advice that fits."""

import keras
import pytest
from keras import layers

from brainlib import models
from brainlib.inspector import reading


class Foreign(layers.Layer):
    """A layer that the reader's Keras does not know."""

    def call(self, inputs):
        return 2 * inputs


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    images = keras.Input((7, 8, 1))
    plain = keras.Model(images, layers.Conv2D(1, 3, padding="same")(images))
    plain.save(folder / "good.keras")
    plain.save(folder / "old.h5")
    plain.save_weights(folder / "some.weights.h5")
    plain.export(str(folder / "exported"), verbose=False)
    keras.Model(images, Foreign()(images)).save(folder / "foreign.keras")
    keras.Model(images, layers.Lambda(lambda x: 2 * x)(images)).save(folder / "code.keras")
    whole = (folder / "good.keras").read_bytes()
    for place in (30, len(whole) // 2):
        flipped = bytearray(whole)
        flipped[place] ^= 4
        (folder / f"flipped{place == 30}.keras").write_bytes(flipped)
    (folder / "cut.keras").write_bytes(whole[:-300])
    (folder / "text.keras").write_text("no model\n")
    (folder / "empty.keras").write_bytes(b"")
    (folder / "pickle.keras").write_bytes(b"\x80\x04\x95")
    (folder / "lfs.keras").write_text("version https://git-lfs.github.com/spec/v1\n")
    return folder


@pytest.mark.parametrize(
    "name, said",
    [
        ("old.h5", r"HDF5.*load_model\('old.h5', compile=False\).save\('old.keras'\)"),
        ("some.weights.h5", "weights alone"),
        ("exported", r"SavedModel.*tf_keras.*load_model\('exported'"),
        ("foreign.keras", "unknown class 'Foreign'.*custom_objects"),
        ("code.keras", "Lambda.*not run"),
        ("flippedTrue.keras", "damaged"),
        ("flippedFalse.keras", "damaged"),
        ("cut.keras", "cut or damaged"),
        ("text.keras", "a text"),
        ("empty.keras", "an empty file"),
        ("pickle.keras", "a pickle.*not opened"),
        ("lfs.keras", "git lfs pull"),
        (".", "a folder.*such as"),
    ],
)
def test_what_is_no_model_is_refused_in_one_line(name, said, folder):
    for load in (models.load, reading.load):
        with pytest.raises(ValueError, match=said) as refusal:
            load(folder / name)
        assert str(refusal.value).startswith(str(folder / name)) and "\n" not in str(refusal.value)


def test_a_model_is_read_with_foreign_classes_where_they_are_given(folder):
    assert models.load(folder / "good.keras").input_shape == (None, 7, 8, 1)
    known = models.saved.load(folder / "foreign.keras", custom_objects={"Foreign": Foreign})
    assert known.layers[-1].__class__ is Foreign
    with pytest.raises(FileNotFoundError, match="nothing at this path"):
        models.load(folder / "none.keras")
