"""Resume: all that a training carries from one epoch to the next, in one file without pickle.

Keras's BackupAndRestore forgets the state of the callbacks and of the random generators, so that what it resumes is
another training. Order and corruption need no state here: they derive from (seed, epoch, index), see `pipelines`.
"""

import hashlib
import json
import time
import zipfile
from pathlib import Path

import keras
import numpy as np

from brainlib import files

FORMAT = 1
STATE = {  # what callbacks of a name remember, beside `state()`
    "EarlyStopping": ("wait", "best", "stopped_epoch", "best_epoch"),
    "Plateau": ("wait", "best", "cooldown_counter"),
    "ReduceLROnPlateau": ("wait", "best", "cooldown_counter"),
}


class Checkpoint(keras.callbacks.Callback):
    """Saves the state of a training after its epochs, and puts it back at the beginning of the next `fit`.

    It has to stand behind all callbacks whose state it keeps: those named in `STATE`, and those that have `state()`
    (a dictionary of arrays and JSON values) and `restore(state)`.

    Args:
        path: of the checkpoint, `.npz`.
        key: what training this is; a checkpoint of another key is not touched by `load` and overwritten later.
        callbacks: those to keep.
        every_seconds: at least that long between two checkpoints.
    """

    def __init__(self, path, key, callbacks, *, every_seconds=20.0):
        super().__init__()
        self.path, self.key, self.kept, self.every_seconds = (
            Path(path),
            key,
            list(callbacks),
            every_seconds,
        )
        self.saved, self.found, self.stopped = -np.inf, None, False

    def load(self):
        """Number of epochs that are done, 0 when there is nothing to go on from; the state waits for `fit`."""
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                header = json.loads(str(stored["header"]))
                if header["format"] != FORMAT or header["key"] != self.key:
                    return 0
                self.found = (
                    header,
                    {name: stored[name] for name in stored.files if name != "header"},
                )
        except (
            OSError,
            ValueError,
            KeyError,
            zipfile.BadZipFile,
        ):  # none, or one that is damaged: begin again
            return 0
        self.stopped = header["stopped"]
        return header["epochs"]

    def on_train_begin(self, logs=None):
        if self.found:
            header, arrays = self.found
            variables = self._variables()
            if len(variables) != header["variables"]:
                raise ValueError(
                    f"{self.path}: expected the state of {len(variables)} variables, found "
                    f"{header['variables']}. Delete the file to train from the beginning."
                )
            for number, variable in enumerate(variables):
                variable.assign(arrays[f"variable{number}"])
            for number, (callback, values) in enumerate(
                zip(self.kept, header["callbacks"], strict=True)
            ):
                prefix = f"callback{number}."
                _restore(
                    callback,
                    values
                    | {
                        name.removeprefix(prefix): array
                        for name, array in arrays.items()
                        if name.startswith(prefix)
                    },
                )
            self.found = None

    def on_epoch_end(self, epoch, logs=None):
        now = time.monotonic()
        if now - self.saved >= self.every_seconds:
            self.save(epoch + 1)
            self.saved = now

    def save(self, epochs):
        """Writes the state after `epochs` epochs, whole or not at all."""
        arrays = {
            f"variable{number}": np.asarray(keras.ops.convert_to_numpy(variable))
            for number, variable in enumerate(self._variables())
        }
        kept = []
        for number, callback in enumerate(self.kept):
            values = _state(callback)
            arrays |= {
                f"callback{number}.{name}": value
                for name, value in values.items()
                if isinstance(value, np.ndarray)
            }
            kept.append(
                {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}
            )
        header = {
            "format": FORMAT,
            "key": self.key,
            "epochs": epochs,
            "callbacks": kept,
            "variables": len(self._variables()),
            "stopped": bool(self.model.stop_training),
        }
        with files.whole_file(self.path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, header=np.array(json.dumps(header, default=_plain)), **arrays)

    def _variables(self):
        """Weights, running means, random generators (`variables` has them, `weights` has not) and the optimisers'."""
        second = getattr(self.model, "discriminator_optimizer", None)
        return [
            *self.model.variables,
            *self.model.optimizer.variables,
            *(second.variables if second else ()),
        ]


def _state(callback):
    if hasattr(callback, "state"):
        return callback.state()
    return {
        name: _plain(getattr(callback, name)) for name in STATE.get(type(callback).__name__, ())
    }


def _restore(callback, values):
    if hasattr(callback, "restore"):
        callback.restore(values)
    else:
        for name, value in values.items():
            setattr(callback, name, value)


def _plain(value):
    return value.item() if isinstance(value, (np.generic, np.ndarray)) else value


def fingerprint(model):
    """Of a model's layers and of all its numbers: two trainings begin alike only where it is the same."""
    layers = [(type(layer).__name__, _nameless(layer.get_config())) for layer in _flat(model)]
    known = hashlib.sha256(json.dumps(layers, sort_keys=True, default=str).encode())
    for variable in model.variables:
        known.update(np.ascontiguousarray(keras.ops.convert_to_numpy(variable)))
    return known.hexdigest()[:16]


def _flat(model):
    for layer in model.layers:
        yield from _flat(layer) if isinstance(layer, keras.Model) else [layer]


def _nameless(value):
    """A layer's configuration without names: Keras numbers them through, model after model."""
    if isinstance(value, dict):
        return {key: _nameless(item) for key, item in value.items() if key != "name"}
    return [_nameless(item) for item in value] if isinstance(value, (list, tuple)) else value
