"""Thesis 004's released networks: Keras 2 `.h5` files read with h5py alone.

Each array is checked by name and shape. The files are those of
github.com/AdrianArnaiz/Brain-MRI-Autoencoder (MIT), at the commit of `URL`;
`released_weights.csv` lists them with their SHA-256.
"""

import csv
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import h5py
import keras
import numpy as np

from brainlib import downloads, files

URL = (
    "https://raw.githubusercontent.com/AdrianArnaiz/Brain-MRI-Autoencoder/"
    "9312df9f0ed9256c4468203e05d35e4aafa5a217/"
)
TABLE = Path(__file__).with_name("released_weights.csv")
FOLDER = files.DATA / "released"
KINDS = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")
MOST_WITHOUT_DOUBLED_NORM = 461000  # weights of shallow_residual; more means doubled_norm=True

Arrays = dict[str, np.ndarray]  # {kind: array} of one layer
Shapes = dict[str, tuple[int, ...]]


# ------------------------------------------------------------------------------- what is released


def released_files() -> list[dict]:
    """The released files.

    Returns:
        A list of dictionaries: model, block, loss, l2 and augmentation (bool), params, sha256,
        path.
    """
    with open(TABLE, newline="", encoding="utf-8") as handle:
        records = list(csv.DictReader(handle))
    for record in records:
        record["params"] = int(record["params"])
        record["l2"] = record["l2"] == "yes"
        record["augmentation"] = record["augmentation"] == "yes"
    return records


def find_released(
    name: str,
    *,
    loss: str = "dssim",
    l2: bool = False,
    augmentation: bool = True,
    block: str = "full_pre",
) -> dict:
    """The record of `released_files` that was trained so.

    Raises:
        ValueError: there is none; those that there are for this network are listed.
    """
    records = [record for record in released_files() if record["model"] == name]
    for record in records:
        trained = (record["loss"], record["l2"], record["augmentation"])
        if trained == (loss, bool(l2), bool(augmentation)) and record["block"] in ("", block):
            return record
    have = "; ".join(_how_trained(record) for record in records)
    if not have:
        names = sorted({record["model"] for record in released_files()})
        have = f"nothing is released of this network; of {', '.join(names)}"
    raise ValueError(f"released {name}: expected one of: {have}.")


def _how_trained(record: dict) -> str:
    words = [f"{name}={record[name]!r}" for name in ("loss", "l2", "augmentation")]
    if record["block"]:
        words.append(f"block={record['block']!r}")
    return ", ".join(words)


def build_options(record: dict) -> dict:
    """Options of `models.build` for a record of `released_files`."""
    if record["model"] != "shallow_residual":
        return {"l2": record["l2"]}
    doubled_norm = record["params"] > MOST_WITHOUT_DOUBLED_NORM
    return {"l2": record["l2"], "block": record["block"], "doubled_norm": doubled_norm}


def fetch_released(record: dict, folder: Path | str = FOLDER, *, url: str = URL) -> Path:
    """Downloads the file of a record, checked against its SHA-256. -> its path.

    What is there is not fetched again.
    """
    path = Path(folder) / Path(record["path"]).name
    return downloads.fetch(
        [url + quote(record["path"])],
        path,
        record["sha256"],
        advice="and call again: the checksum decides",
    )


# ----------------------------------------------------------------------------- from file to model


def load_released(model: keras.Model, path: Path | str) -> keras.Model:
    """Puts the weights of a released file into a model, which is changed and returned.

    Layers of one kind and shape are taken in the order in which the file lists them, that of their
    creation.

    Args:
        model: of `models.build` at full width: shallow_residual, skip_connection_cae or
            residual_unet.
        path: of a Keras 2 `.h5` file: weights, or a whole model.

    Raises:
        OSError: no such file, or not HDF5.
        ValueError: it holds other layers: the first that has no place, its name and its shapes are
            said.
    """
    waiting = defaultdict(list)  # signature: layers of the file that have no place yet
    for name, arrays in _layers_in_file(Path(path)):
        waiting[_signature(_shapes(arrays))].append((name, arrays))
    assigned = []
    for layer in model.layers:
        if not layer.weights:
            continue
        wanted = {weight.path.rsplit("/", 1)[-1]: tuple(weight.shape) for weight in layer.weights}
        candidates = waiting[_signature(wanted)]
        if not candidates:
            _refuse_other_layers(path, model, layer, wanted, _without_place(waiting))
        _, arrays = candidates.pop(0)
        assigned.append((layer, [arrays[kind] for kind in wanted]))
    if _without_place(waiting):
        _refuse_more_layers(path, model, _without_place(waiting))
    for layer, arrays in assigned:  # nothing is changed before everything fits
        layer.set_weights(arrays)
    return model


def _without_place(waiting: dict) -> list[tuple[str, Shapes]]:
    """(name, shapes) of the file's layers that no layer of the model has taken."""
    left = []
    for layers in waiting.values():
        left += [(name, _shapes(arrays)) for name, arrays in layers]
    return left


def _refuse_other_layers(
    path: Path | str,
    model: keras.Model,
    layer: keras.layers.Layer,
    wanted: Shapes,
    left: list[tuple[str, Shapes]],
) -> None:
    name, shapes = left[0] if left else ("no more layers", {})
    raise ValueError(
        f"{path}: expected a layer with {_words(wanted)} for {model.name}'s {layer.name}; what is "
        f"left in the file begins with {name}: {_words(shapes)}. Is it another network's file?"
    )


def _refuse_more_layers(
    path: Path | str, model: keras.Model, left: list[tuple[str, Shapes]]
) -> None:
    name, shapes = left[0]
    raise ValueError(
        f"{path}: {len(left)} layers more than {model.name} has, the first is {name} "
        f"({_words(shapes)}). Two of the files hold one more batch norm before each inner one: "
        "build with doubled_norm=True. Else it is another network's."
    )


def _layers_in_file(path: Path) -> list[tuple[str, Arrays]]:
    """(name, {kind: array}) of each layer with weights, in the file's order."""
    if not path.is_file():
        raise FileNotFoundError(f"{path}: expected a Keras 2 weights file (.h5), there is none.")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise OSError(
            f"{path}: expected HDF5, found something else ({error}). Download it again."
        ) from error
    with file:
        root = file["model_weights"] if "model_weights" in file else file
        if "layer_names" not in root.attrs:
            raise ValueError(
                f"{path}: expected a Keras 2 file with the attribute layer_names, found none. "
                "Keras 3 models are loaded with models.load."
            )
        found = []
        for name in _texts(root.attrs["layer_names"]):
            arrays = _arrays_of(root[name], f"{path}: layer {name}")
            if arrays:
                found.append((name, arrays))
    return found


def _arrays_of(group: h5py.Group, where: str) -> Arrays:
    """{kind: array} of one layer: "conv2d/kernel:0" is of the kind "kernel"."""
    names = _texts(group.attrs.get("weight_names", []))
    arrays = {}
    for name in names:
        kind = name.rsplit("/", 1)[-1].split(":")[0]
        arrays[kind] = np.asarray(group[name])
    if not set(arrays) <= set(KINDS) or len(arrays) != len(names):
        raise ValueError(
            f"{where}: expected arrays called {', '.join(KINDS)}, found {', '.join(names)}."
        )
    return arrays


def _texts(values: Sequence) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _shapes(arrays: Arrays) -> Shapes:
    return {kind: array.shape for kind, array in arrays.items()}


def _signature(shapes: Shapes) -> tuple:
    return tuple(sorted(shapes.items()))


def _words(shapes: Shapes) -> str:
    """Shapes as text: "kernel 3x3x1x32, bias 32"."""
    words = []
    for kind, shape in shapes.items():
        words.append(f"{kind} {'x'.join(map(str, shape))}")
    return ", ".join(words) or "nothing"
