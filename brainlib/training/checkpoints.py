"""Resume: all that a training carries from one epoch to the next, in one file without pickle.

Keras's BackupAndRestore forgets the state of the callbacks and of the random generators, so that
what it resumes is another training. Order and corruption need no state here: they derive from
(seed, epoch, index), see `pipelines`.
"""

import hashlib
import json
import time
import zipfile
from collections.abc import Sequence
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
    """Saves the state of a training after its epochs; puts it back when the next `fit` begins.

    It has to stand behind all callbacks whose state it saves: those named in `STATE`, and those
    that have `state()` (a dictionary of arrays and JSON values) and `restore(state)`.

    Args:
        path: of the checkpoint, `.npz`.
        key: what training this is; a checkpoint of another key is not touched by `load` and
            overwritten later.
        callbacks: those whose state is saved.
        every_seconds: at least that long between two checkpoints.
    """

    def __init__(
        self,
        path: Path | str,
        key: str,
        callbacks: Sequence[keras.callbacks.Callback],
        *,
        every_seconds: float = 20.0,
    ):
        super().__init__()
        self.path, self.key, self.every_seconds = Path(path), key, every_seconds
        self.callbacks = list(callbacks)
        self.last_saved, self.stopped = -np.inf, False
        self.pending = None  # (header, arrays) between `load` and `fit`

    def load(self) -> int:
        """Number of epochs that are done, 0 when there is nothing to go on from.

        The state waits for `fit`.
        """
        # No file, or one that is damaged or of another training: begin again.
        try:
            with np.load(self.path, allow_pickle=False) as stored:
                header = json.loads(str(stored["header"]))
                if header["format"] != FORMAT or header["key"] != self.key:
                    return 0
                arrays = {name: stored[name] for name in stored.files if name != "header"}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            return 0
        self.pending = header, arrays
        self.stopped = header["stopped"]
        return header["epochs"]

    def on_train_begin(self, logs: dict | None = None) -> None:
        if not self.pending:
            return
        header, arrays = self.pending
        variables = self._variables()
        if len(variables) != header["variables"]:
            raise ValueError(
                f"{self.path}: expected the state of {len(variables)} variables, found "
                f"{header['variables']}. Delete the file to train from the beginning."
            )
        for number, variable in enumerate(variables):
            variable.assign(arrays[f"variable{number}"])
        states = zip(self.callbacks, header["callbacks"], strict=True)
        for number, (callback, state) in enumerate(states):
            prefix = f"callback{number}."
            own = [name for name in arrays if name.startswith(prefix)]
            state |= {name.removeprefix(prefix): arrays[name] for name in own}
            _restore(callback, state)
        self.pending = None

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        now = time.monotonic()
        if now - self.last_saved >= self.every_seconds:
            self.save(epoch + 1)
            self.last_saved = now

    def save(self, epochs: int) -> None:
        """Writes the state after `epochs` epochs, whole or not at all."""
        variables = [
            np.asarray(keras.ops.convert_to_numpy(variable)) for variable in self._variables()
        ]
        arrays = {f"variable{number}": values for number, values in enumerate(variables)}
        states = []
        for number, callback in enumerate(self.callbacks):
            state = _state(callback)
            large = [name for name, value in state.items() if isinstance(value, np.ndarray)]
            arrays |= {f"callback{number}.{name}": state.pop(name) for name in large}
            states.append(state)
        header = {
            "format": FORMAT,
            "key": self.key,
            "epochs": epochs,
            "callbacks": states,
            "variables": len(variables),
            "stopped": bool(self.model.stop_training),
        }
        with files.whole_file(self.path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, header=np.array(json.dumps(header, default=_plain)), **arrays)

    def _variables(self):
        """Weights, running means, random generators and the optimisers' variables.

        Keras's `variables` has the generators, its `weights` has not.
        """
        second = getattr(self.model, "discriminator_optimizer", None)
        return [
            *self.model.variables,
            *self.model.optimizer.variables,
            *(second.variables if second else ()),
        ]


def _state(callback):
    if hasattr(callback, "state"):
        return dict(callback.state())
    names = STATE.get(type(callback).__name__, ())
    return {name: _plain(getattr(callback, name)) for name in names}


def _restore(callback, state):
    if hasattr(callback, "restore"):
        callback.restore(state)
    else:
        for name, value in state.items():
            setattr(callback, name, value)


def _plain(value):
    return value.item() if isinstance(value, (np.generic, np.ndarray)) else value


def fingerprint(model: keras.Model) -> str:
    """16 hex digits of a model's layers and of all its numbers.

    Two trainings begin alike only where it is the same.
    """
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
