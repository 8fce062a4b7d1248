"""Released weights of thesis 004: files in Keras 2's layout, written here and fetched."""

import functools
import hashlib
import http.server
import threading

import h5py
import numpy as np
import pytest

from brainlib import models
from brainlib.models import released_weights
from brainlib.run import catalogue, parameters
from brainlib.run.refused import Refused

RNG = np.random.default_rng(0)


def _keras2(model, path, *, whole=False, order=None):
    """Writes random weights of a model as Keras 2 did; -> {layer: arrays}."""
    layers = [layer for layer in model.layers if layer.weights]
    written = {}
    for layer in layers:
        arrays = [np.abs(RNG.normal(0.5, 0.1, weight.shape)) for weight in layer.weights]
        written[layer.name] = [array.astype("float32") for array in arrays]
    with h5py.File(path, "w") as file:
        root = file.create_group("model_weights") if whole else file
        root.attrs["layer_names"] = [
            layer.name.encode() for layer in (order(layers) if order else layers)
        ]
        for layer in layers:
            group = root.create_group(layer.name)
            names = [f"{layer.name}/{weight.path.rsplit('/', 1)[-1]}:0" for weight in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, array in zip(names, written[layer.name]):
                group[name] = array
    return written


@pytest.mark.parametrize(
    ("name", "whole"),
    [("skip_connection_cae", False), ("residual_unet", True), ("shallow_residual", False)],
)
def test_every_array_comes_to_its_place(name, whole, tmp_path):
    source = models.build(name, image_shape=(24, 32), seed=1)
    written = _keras2(source, tmp_path / "file.h5", whole=whole)
    for layer in source.layers:
        if layer.weights:
            layer.set_weights(written[layer.name])
    loaded = models.load_released(
        models.build(name, image_shape=(24, 32), seed=2), tmp_path / "file.h5"
    )
    images = RNG.random((2, 24, 32, 1), dtype="float32")
    np.testing.assert_array_equal(np.asarray(loaded(images)), np.asarray(source(images)))


def test_the_projection_may_come_before_or_after_its_sibling(tmp_path):
    """Keras 2 lists layers by depth: a block's 1x1 shortcut and second conv lie at the same one."""
    source = models.build("shallow_residual", image_shape=(24, 32), seed=1)

    def shortcuts_early(layers):
        layers = list(layers)
        for place in range(1, len(layers)):
            if getattr(layers[place], "kernel_size", None) == (1, 1):
                layers[place - 1], layers[place] = layers[place], layers[place - 1]
        return layers

    written = _keras2(source, tmp_path / "file.h5", order=shortcuts_early)
    loaded = models.load_released(
        models.build("shallow_residual", image_shape=(24, 32), seed=2), tmp_path / "file.h5"
    )
    for mine, layer in zip(loaded.layers, source.layers):
        for array, wanted in zip(mine.get_weights(), written.get(layer.name, [])):
            np.testing.assert_array_equal(array, wanted)


def test_a_wrong_file_is_refused_by_name_and_shape_and_changes_nothing(tmp_path):
    _keras2(models.build("skip_connection_cae", image_shape=(24, 32)), tmp_path / "skip.h5")
    _keras2(
        models.build("shallow_residual", image_shape=(24, 32), doubled_norm=True),
        tmp_path / "doubled.h5",
    )
    model = models.build("shallow_residual", image_shape=(24, 32), seed=2)
    before = [weight.copy() for weight in model.get_weights()]
    with pytest.raises(
        ValueError,
        match=r"skip.h5: expected a layer with kernel 1x1x32x64, bias 64 for shallow_residual's",
    ):
        models.load_released(model, tmp_path / "skip.h5")
    with pytest.raises(
        ValueError, match=r"6 layers more than shallow_residual has.*doubled_norm=True"
    ):
        models.load_released(model, tmp_path / "doubled.h5")
    (tmp_path / "text.h5").write_text("no HDF5")
    with pytest.raises(OSError, match="expected HDF5"):
        models.load_released(model, tmp_path / "text.h5")
    with pytest.raises(FileNotFoundError, match="none.h5"):
        models.load_released(model, tmp_path / "none.h5")
    model.save_weights(tmp_path / "three.weights.h5")
    with pytest.raises(ValueError, match="layer_names"):
        models.load_released(model, tmp_path / "three.weights.h5")
    with h5py.File(tmp_path / "skip.h5", "r+") as file:
        name = released_weights._texts(file.attrs["layer_names"])[0]
        file[name].attrs["weight_names"] = [
            value.replace("kernel", "colonel").encode()
            for value in released_weights._texts(file[name].attrs["weight_names"])
        ]
        file[name].move(f"{name}/kernel:0", f"{name}/colonel:0")
    with pytest.raises(ValueError, match="arrays called kernel, bias"):
        models.load_released(model, tmp_path / "skip.h5")
    for weight, wanted in zip(model.get_weights(), before):
        np.testing.assert_array_equal(weight, wanted)


def test_every_listed_file_fits_a_model_of_its_count():
    for row in released_weights.released_files():
        assert (
            models.build(row["model"], **released_weights.build_options(row)).count_params()
            == row["params"]
        )
    assert len(released_weights.released_files()) == 14


def test_released_is_fetched_once_and_checked(tmp_path, monkeypatch):
    row = released_weights.find_released("skip_connection_cae", loss="mse")
    served = tmp_path / "server" / row["path"]
    served.parent.mkdir(parents=True)
    source = models.build("skip_connection_cae")
    written = _keras2(source, served)
    asked = []

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            asked.append(self.path)

    server = http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=tmp_path / "server")
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    options = {
        "loss": "mse",
        "folder": tmp_path / "kept",
        "url": f"http://127.0.0.1:{server.server_port}/",
    }
    try:
        with pytest.raises(
            OSError, match="could not be fetched"
        ):  # not the file whose checksum is known
            models.released("skip_connection_cae", **options)
        rows = [
            {**one, "sha256": hashlib.sha256(served.read_bytes()).hexdigest()}
            if one["path"] == row["path"]
            else one
            for one in released_weights.released_files()
        ]
        monkeypatch.setattr(released_weights, "released_files", lambda: rows)
        model = models.released("skip_connection_cae", **options)
        count = len(asked)
        smaller = models.released("skip_connection_cae", image_shape=(64, 48), **options)
        assert len(asked) == count > 0 and smaller.output_shape[1:] == (64, 48, 1)
        assert all(
            np.array_equal(one, other)
            for one, other in zip(smaller.get_weights(), model.get_weights(), strict=True)
        )
    finally:
        server.shutdown()
    first = next(layer for layer in source.layers if layer.weights)
    np.testing.assert_array_equal(model.get_weights()[0], written[first.name][0])
    with pytest.raises(ValueError, match="expected one of: loss='dssim', l2=False"):
        models.released("residual_unet", l2=True)
    with pytest.raises(ValueError, match="nothing is released"):
        models.released("vae")


def test_notebook_08_takes_the_networks_that_were_released():
    notebook = catalogue.read_notebooks(["08_evaluation"], {"08_evaluation": []})["08_evaluation"]
    assert set(notebook.parameters["released"].choices) == {
        row["model"] for row in released_weights.released_files()
    }
    with pytest.raises(Refused, match="Did you mean residual_unet"):
        parameters.conform(notebook.parameters["released"], ["residual_net"], "released")
