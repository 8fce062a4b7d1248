"""From a `.keras` file to a network; what is none is refused in one line, with advice that fits."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NoReturn

import h5py
import keras

CONVERT = (
    "Where Keras still reads it, save it anew: "
    "keras.models.load_model('{name}', compile=False).save('{stem}.keras')."
)
KERAS_2 = (
    "Keras 3 does not read it. Where it was made (TensorFlow 2.15 or tf_keras), call "
    "tf.keras.models.load_model('{name}', compile=False).save('{stem}.keras')."
)
CLASSES = (
    "Give your classes as custom_objects={'Name': Class}; a file that carries code (Lambda layers) "
    "is not run."
)
WEIGHTS_ONLY = (
    "It holds weights alone: build the network, call load_weights, and save it as .keras."
)
POINTER = "Fetch the file itself: git lfs pull, or git annex get."
SAVE = "Save a model with model.save('name.keras')."
# How files begin that are given for models: (first bytes, what they are, what to do).
BEGINNINGS = (
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras 2 wrote them", CONVERT),
    (b"version https://git-lfs", "a pointer of Git LFS", POINTER),
    (b"\x80", "a pickle, which may hold any code", "It is not opened. " + SAVE),
)


def load(
    path: Path | str, *, custom_objects: Mapping[str, type] | None = None, advice: str = CLASSES
) -> keras.Model:
    """Loads a `.keras` file (never code, never a pickle), uncompiled.

    Args:
        path: of the file.
        custom_objects: {name: class} of layers and models that Keras does not know.
        advice: what to do where Keras does not know what the file holds.

    Raises:
        FileNotFoundError: there is nothing at the path.
        ValueError: it is no model, or of another format, damaged, or of unknown classes. The
            message is one line.
    """
    path = Path(path)
    _refuse_other_files(path)
    try:
        with zipfile.ZipFile(path) as archive:
            damaged, names = archive.testzip(), archive.namelist()
    except Exception as error:  # zipfile and zlib stumble over whatever a damaged archive holds
        _refuse(path, f"a cut or damaged archive ({error})", "Copy it again, or train it again.")
    if damaged:
        _refuse(path, f"a damaged one ({damaged})", "Copy it again, or train it again.")
    if "config.json" not in names:
        _refuse(path, "another archive: it holds no config.json", SAVE)
    try:
        return keras.saving.load_model(
            path, custom_objects=custom_objects, compile=False, safe_mode=True
        )
    except Exception as error:  # Keras raises many kinds; each says what it did not know
        unknown = re.search(r"Could not locate (\w+ '[^']+')", str(error))
        reason = f"unknown {unknown[1]}" if unknown else _first_sentence(error)
        _refuse(path, f"one that Keras does not take ({reason})", advice)


def _first_sentence(error: Exception) -> str:
    words = str(error).strip().partition("\n")[0].partition(". ")[0]
    return words.rstrip(".") or type(error).__name__


def _refuse(path: Path, found: str, remedy: str) -> NoReturn:
    """Raises the ValueError of a refusal, on one line."""
    remedy = remedy.replace("{name}", path.name).replace("{stem}", path.stem)
    text = f"{path}: expected a .keras file of a model, got {found}. {remedy}"
    raise ValueError(" ".join(text.split()))


def _refuse_other_files(path: Path) -> None:
    """Raises where a path holds no file, or one of another format."""
    if path.is_dir():
        if (path / "saved_model.pb").is_file():
            _refuse(path, "a SavedModel, a folder of TensorFlow or Keras 2", KERAS_2)
        inside = sorted(path.glob("*.keras"))
        remedy = f"Give a file of it, such as {inside[0].name}." if inside else SAVE
        _refuse(path, "a folder", remedy)
    if not path.exists():
        found = "a link, where nothing is" if path.is_symlink() else "nothing at this path"
        raise FileNotFoundError(f"{path}: expected a .keras file of a model, got {found}. {SAVE}")
    with open(path, "rb") as handle:
        begin = handle.read(1024)
    for first_bytes, found, remedy in BEGINNINGS:
        if begin.startswith(first_bytes):
            _refuse(path, found, _of_weights(path) or remedy)
    if not begin:
        _refuse(path, "an empty file", "Copy it again, or train it again.")
    if b"annex/objects/" in begin:
        _refuse(path, "a pointer of git-annex", POINTER)
    if not zipfile.is_zipfile(path) and not begin.startswith(b"PK"):
        _refuse(path, f"{'a text' if _is_text(begin) else 'a file of another kind'}", SAVE)


def _of_weights(path: Path) -> str:
    """The advice for an HDF5 file that holds weights without their network; "" for others."""
    try:
        with h5py.File(path, "r") as stored:
            return "" if "model_config" in stored.attrs else WEIGHTS_ONLY
    except OSError:
        return ""


def _is_text(begin: bytes) -> bool:
    try:
        begin[:512].decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in begin
