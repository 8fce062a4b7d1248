"""Questions about the network: is it alive, is it up to date, does it copy?"""

from collections.abc import Mapping

import keras
import numpy as np

from brainlib.inspector.findings import Finding, finding
from brainlib.inspector.layer_access import Recorder, array, leaves, watched
from brainlib.inspector.networks import reconstruct


def not_finite(model: keras.Model, outputs: np.ndarray) -> Finding:
    """Weights and outputs that are NaN or infinite: a training that broke."""
    bad_weights = {}
    for weight in model.weights:
        count = int((~np.isfinite(array(weight))).sum())
        if count:
            bad_weights[weight.path] = count
    weights, pixels = sum(bad_weights.values()), int((~np.isfinite(outputs)).sum())
    where = "none"
    if weights:
        where = f"{weights} weights, the first in {next(iter(bad_weights))}"
    elif pixels:
        where = f"{pixels} pixels of the outputs"
    return finding(
        "numbers that are not finite",
        weights + pixels,
        "numbers",
        expected="0",
        flagged=weights or pixels,
        why=f"Weights and outputs that are NaN or infinite: {where}.",
        todo="Train again from the last good checkpoint with a smaller learning rate or clipped "
        "gradients; nothing else here can be trusted.",
    )


def depends_on_input(images: np.ndarray, outputs: np.ndarray) -> Finding:
    """Whether different pictures come out different.

    The variance over images, of outputs against that of inputs, both (N, H, W, C).
    """
    of_inputs = max(np.var(images, axis=0).sum(), 1e-12)
    share = float(np.var(outputs, axis=0).sum() / of_inputs)
    # A hundredth of the variance is a tenth of the contrast: the same picture to the eye.
    return finding(
        "variance between outputs",
        share,
        "of that between inputs",
        expected="0.01 or more",
        flagged=share < 0.01,
        why=f"Outputs differ from each other by {100 * share:.3g} % of the variance by which "
        "inputs differ.",
        todo="The model gives one picture for all: look for a collapsed latent, dead layers or a "
        "learning rate that broke it.",
    )


# ------------------------------------------------------------------------------------- ReLU


def dead_units(
    model: keras.Model, images: np.ndarray, *, batch_size: int = 16
) -> dict[str, tuple[int, int]]:
    """ReLU channels that are zero at every place of every image.

    Args:
        model: from image to image.
        images: (N, H, W, C).
        batch_size: pictures at a time.

    Returns:
        {name of the layer: (dead channels, channels)}, from the input on.
    """
    highest, names = {}, {}

    def see(layer, _, outputs):
        values = array(outputs)
        top = values.reshape(-1, values.shape[-1]).max(axis=0)
        key = (id(layer), len(top))  # a layer may be used twice, and two layers may have one name
        names[key] = layer.name
        highest[key] = np.maximum(highest.get(key, -np.inf), top)

    relu_layers = [layer for layer in leaves(model) if _is_relu(layer)]
    if relu_layers:
        with watched(relu_layers, see):
            reconstruct(model, images, batch_size=batch_size)
    by_layer = {}
    for key, top in highest.items():
        name = names[key] if names[key] not in by_layer else f"{names[key]} ({len(by_layer)})"
        by_layer[name] = (int((top <= 0).sum()), len(top))
    return by_layer


def _is_relu(layer: keras.Layer) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return not layer.negative_slope
    return getattr(getattr(layer, "activation", None), "__name__", "") in ("relu", "relu6")


def dead_unit_share(by_layer: Mapping[str, tuple[int, int]]) -> Finding | None:
    """The finding on what `dead_units` gave; None where there is no ReLU."""
    if not by_layer:
        return None
    count = sum(dead for dead, _ in by_layer.values())
    channels = sum(of_layer for _, of_layer in by_layer.values())
    shares = {name: dead / of_layer for name, (dead, of_layer) in by_layer.items()}
    worst = max(shares, key=shares.get)
    # Dense layers on grey values fall silent by a half to two thirds and the network learns all
    # the same (measured on sound models); where three quarters, or a whole layer, never fire, it
    # is another, narrower network.
    return finding(
        "dead units",
        100 * (count / channels),
        "% of ReLU channels",
        expected="at most 75, no layer all dead",
        flagged=count / channels > 0.75 or shares[worst] == 1,
        why=f"{count} of {channels} ReLU channels are zero on every image; most in {worst} "
        f"({by_layer[worst][0]} of {by_layer[worst][1]}).",
        todo="Lower the learning rate, start again from other weights, or use LeakyReLU.",
    )


# ------------------------------------------------------------------------------------- batch norm


def _batch_norms(model: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [layer for layer in leaves(model) if isinstance(layer, keras.layers.BatchNormalization)]


def batch_norm_moved(model: keras.Model) -> Finding | None:
    """Whether the running statistics of batch norm ever moved; None without batch norm.

    A train_step that calls the network without training=True leaves them.
    """
    norms = _batch_norms(model)
    if not norms:
        return None
    still = [layer.name for layer in norms if _is_as_initialised(layer)]
    return finding(
        "batch norm that never moved",
        len(still),
        f"of {len(norms)} layers",
        expected="0",
        flagged=still,
        why=f"{len(still)} of {len(norms)} batch-norm layers hold their initial statistics "
        f"(mean 0, variance 1){f', such as {still[0]}' if still else ''}.",
        todo="Call the network with training=True in the training step; otherwise batch norm only "
        "scales.",
    )


def _is_as_initialised(layer: keras.layers.BatchNormalization) -> bool:
    return np.all(array(layer.moving_mean) == 0) and np.all(array(layer.moving_variance) == 1)


def batch_norm_fits_images(
    model: keras.Model, images: np.ndarray, *, batch_size: int = 16
) -> Finding | None:
    """Whether the running statistics are those of these images (N, H, W, C).

    After a short training they lag behind by hundreds of steps. None without batch norm.
    """
    norms = _batch_norms(model)
    recorder = Recorder(inputs=True)
    with watched(norms, recorder):
        reconstruct(model, images, batch_size=batch_size)
    gaps = {}
    for layer in norms:
        gap = _gap_of_statistics(layer, recorder.calls.get(id(layer)))
        if gap is not None:
            gaps[layer.name] = gap
    if not gaps:
        return None
    worst = max(gaps, key=gaps.get)
    # Nats per channel between two Gaussians: 0.3 is a mean off by 0.8 standard deviations. Models
    # that are up to date show below 0.03 on many people's heads; small ones 0.09 to 0.15 on 32
    # slices of two people whom they had not seen, one of some twenty above 0.2; a VAE after 180
    # steps at momentum 0.99 showed 0.4.
    return finding(
        "batch norm beside these images",
        gaps[worst],
        "nats a channel",
        expected="at most 0.3",
        flagged=gaps[worst] > 0.3,
        why="Running means and variances stand off those of these images by "
        f"{gaps[worst]:.3g} nats a channel in {worst}, the worst layer.",
        todo="Train longer, or with norm_momentum=0.9; where the model is somebody else's, scale "
        "the images as in its training.",
    )


def _gap_of_statistics(
    layer: keras.layers.BatchNormalization, calls: list[np.ndarray] | None
) -> float | None:
    """KL, nats per channel, from a layer's inputs to its running statistics, both as Gaussians.

    None where it was not called, or does not normalise the last axis.
    """
    if not calls or layer.axis not in (-1, calls[0].ndim - 1):
        return None
    values = np.concatenate([part.reshape(-1, part.shape[-1]) for part in calls]).astype(float)
    mean = array(layer.moving_mean)
    variance = array(layer.moving_variance) + layer.epsilon
    ratio = (values.var(axis=0) + layer.epsilon) / variance
    shift = (values.mean(axis=0) - mean) ** 2 / variance
    return float(np.mean(0.5 * (ratio + shift - 1 - np.log(ratio))))


# ------------------------------------------------------------------------------------- copying


def copying(variance_lost: Mapping[str, float]) -> Finding:
    """Whether whatever goes in comes out.

    Args:
        variance_lost: median share of variance lost, by probe (`probes.variance_lost`).
    """
    # Photographs: networks with skips lost 7 to 18 % of their variance after minutes of training,
    # sound ones, which know heads, 38 % to several times all of it. The other probes are named
    # but do not decide: a network that restores removes noise from whatever it copies, and fills
    # the black ones among shuffled patches.
    shares = ", ".join(f"{name} {100 * share:.3g} %" for name, share in variance_lost.items())
    return finding(
        "loss on strange pictures",
        100 * variance_lost["photographs"],
        "% of photographs' variance",
        expected="25 or more",
        flagged=variance_lost["photographs"] < 0.25,
        why=f"Share of variance lost: {shares}.",
        todo="The model hands on what it gets, lesions included: narrow the bottleneck, or test "
        "it on restoring large holes.",
    )
