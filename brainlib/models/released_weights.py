"""Seed 004's released networks: Keras 2 `.h5` files read with h5py alone, each array checked by name and shape.

The files are those of github.com/AdrianArnaiz/Brain-MRI-Autoencoder (MIT), at the commit of `URL`; `released_weights.csv`
lists them with their SHA-256.
"""

import csv
from collections import defaultdict
from pathlib import Path
from urllib.parse import quote

import h5py
import numpy as np

from brainlib import downloads, files

URL = "https://raw.githubusercontent.com/AdrianArnaiz/Brain-MRI-Autoencoder/9312df9f0ed9256c4468203e05d35e4aafa5a217/"
TABLE = Path(__file__).with_name("released_weights.csv")
FOLDER = files.PROJECT / "data" / "released"
KINDS = ("kernel", "bias", "gamma", "beta", "moving_mean", "moving_variance")


def listed():
    """The released files: a list of dictionaries with model, block, loss, l2, augmentation (bool), params, sha256, path."""
    with open(TABLE, newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    return [
        row
        | {
            "params": int(row["params"]),
            **{name: row[name] == "yes" for name in ("l2", "augmentation")},
        }
        for row in rows
    ]


def load_released(model, path):
    """Puts the weights of a released file into a model, which is changed and returned.

    Layers of one kind and shape are taken in the order in which the file lists them, that of their creation.

    Args:
        model: of `models.build` at full width: shallow_residual, skip_connection_cae or residual_unet.
        path: of a Keras 2 `.h5` file: weights, or a whole model.

    Raises:
        OSError: no such file, or not HDF5.
        ValueError: it holds other layers: the first that has no place, its name and its shapes are said.
    """
    waiting = defaultdict(list)
    for name, arrays in _layers(Path(path)):
        waiting[_signature(arrays)].append((name, arrays))
    chosen = []
    for layer in model.layers:
        if not layer.weights:
            continue
        wanted = {weight.path.rsplit("/", 1)[-1]: tuple(weight.shape) for weight in layer.weights}
        found = waiting[tuple(sorted(wanted.items()))]
        if not found:
            left = next(
                ((name, _shapes(arrays)) for rest in waiting.values() for name, arrays in rest),
                ("no more layers", {}),
            )
            raise ValueError(
                f"{path}: expected a layer with {_words(wanted)} for {model.name}'s {layer.name}; what is left in "
                f"the file begins with {left[0]}: {_words(left[1])}. Is it another network's file?"
            )
        name, arrays = found.pop(0)
        chosen.append((layer, [arrays[kind] for kind in wanted]))
    left = [
        f"{name} ({_words(_shapes(arrays))})" for rest in waiting.values() for name, arrays in rest
    ]
    if left:
        raise ValueError(
            f"{path}: {len(left)} layers more than {model.name} has, the first is {left[0]}. Two of the files hold "
            f"one more batch norm before each inner one: build with doubled_norm=True. Else it is another network's."
        )
    for layer, arrays in chosen:  # nothing is changed before everything fits
        layer.set_weights(arrays)
    return model


def _layers(path):
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
        for layer in _texts(root.attrs["layer_names"]):
            names = _texts(root[layer].attrs.get("weight_names", []))
            arrays = {
                name.rsplit("/", 1)[-1].split(":")[0]: np.asarray(root[layer][name])
                for name in names
            }
            strange = sorted(set(arrays) - set(KINDS))
            if strange or len(arrays) != len(names):
                raise ValueError(
                    f"{path}: layer {layer}: expected arrays called {', '.join(KINDS)}, found {', '.join(names)}."
                )
            if arrays:
                found.append((layer, arrays))
    return found


def _texts(values):
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


def _shapes(arrays):
    return {kind: array.shape for kind, array in arrays.items()}


def _signature(arrays):
    return tuple(sorted(_shapes(arrays).items()))


def _words(shapes):
    return (
        ", ".join(f"{kind} {'x'.join(map(str, shape))}" for kind, shape in shapes.items())
        or "nothing"
    )


def options_of(row):
    """Options of `models.build` for a row of `listed`."""
    if row["model"] != "shallow_residual":
        return {"l2": row["l2"]}
    return {"l2": row["l2"], "block": row["block"], "doubled_norm": row["params"] > 461000}


def find(name, *, loss="dssim", l2=False, augmentation=True, block="full_pre"):
    """The row of `listed` that was trained so.

    Raises:
        ValueError: there is none; those that there are for this network are listed.
    """
    rows = [row for row in listed() if row["model"] == name]
    same = [
        row
        for row in rows
        if (row["loss"], row["l2"], row["augmentation"]) == (loss, bool(l2), bool(augmentation))
        and row["block"] in ("", block)
    ]
    if len(same) != 1:
        have = "; ".join(
            f"loss={row['loss']!r}, l2={row['l2']}, augmentation={row['augmentation']}"
            + (f", block={row['block']!r}" if row["block"] else "")
            for row in rows
        )
        raise ValueError(
            f"released {name}: expected one of: {have or 'nothing is released of this network; of ' + ', '.join(sorted({row['model'] for row in listed()}))}."
        )
    return same[0]


def fetch(row, folder=FOLDER, *, url=URL):
    """Downloads the file of a row, checked against its SHA-256; what is there is not fetched again. -> path."""
    path = Path(folder) / Path(row["path"]).name
    return downloads.fetch(
        [url + quote(row["path"])],
        path,
        row["sha256"],
        advice="and call again: the checksum decides",
    )
