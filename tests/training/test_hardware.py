"""Mixed precision, and several devices: two virtual ones of the CPU."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from brainlib import models, training
from brainlib.training import fitting

TWO_DEVICES = """
import json, sys
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
import numpy as np
from brainlib import training
images = np.random.default_rng(0).random((24, 32, 32, 1), dtype="float32")
found = []
for devices in ((), ("CPU:0", "CPU:1")):
    _, history = training.load_or_fit(
        sys.argv[2], images[:16], images[16:], recipe="vae", loss="mse", epochs=2, batch_size=8,
        folder=f"{sys.argv[1]}/{len(devices)}", seed=3, options={"width": 0.1}, devices=devices,
        show=None)
    found.append(history[["loss", "val_loss"]].to_numpy().tolist())
print(json.dumps(found))
"""


@pytest.mark.parametrize(
    "name", ["skip_connection_cae", pytest.param("vae", marks=pytest.mark.slow)]
)
def test_two_devices_train_like_one(name, tmp_path):
    """Losses agree but for sampling and batch norm, which sees half a batch on each device."""
    done = subprocess.run(
        [sys.executable, "-c", TWO_DEVICES, tmp_path, name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    one, two = json.loads(done.stdout.splitlines()[-1])
    np.testing.assert_allclose(two, one, rtol=0.03)
    assert (tmp_path / "2/model.keras").exists()


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.slow
def test_mixed_precision_trains_near_full_precision(precision, tmp_path):
    images = np.random.default_rng(0).random((24, 32, 32, 1), dtype="float32")
    losses = []
    for chosen in ("float32", precision):
        model, history = training.load_or_fit(
            "vae",
            images[:16],
            images[16:],
            recipe="vae",
            epochs=2,
            batch_size=8,
            folder=tmp_path / chosen,
            seed=3,
            options={"width": 0.1},
            precision=chosen,
            show=None,
        )
        losses.append(history.val_loss.to_numpy())
    assert model.get_layer("encoder").layers[1].compute_dtype == precision.removeprefix("mixed_")
    np.testing.assert_allclose(losses[1], losses[0], rtol=0.02)
    restored = models.reconstruct(models.load(tmp_path / precision / "model.keras"), images)
    assert restored.dtype == np.float32 and np.isfinite(restored).all()


def test_what_is_not_there_is_refused(monkeypatch):
    with (
        pytest.raises(ValueError, match="there is no GPU:9 here"),
        training.hardware(devices=("GPU:9",)),
    ):
        pass
    with (
        pytest.raises(ValueError, match="precision: expected one of float32"),
        training.hardware(precision="half"),
    ):
        pass
    images = np.zeros((8, 32, 32, 1), "float32")
    model = models.build(
        "vqvae", image_shape=(32, 32), width=0.1, depth=2, codebook_size=8, code_dim=2
    )
    monkeypatch.setattr(
        fitting.tf.distribute, "get_strategy", lambda: SimpleNamespace(num_replicas_in_sync=2)
    )
    with pytest.raises(ValueError, match="vqvae trains on one device"):
        training.fit(model, images, images, recipe="000-vqvae", show=None)
