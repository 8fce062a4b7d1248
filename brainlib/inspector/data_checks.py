"""Questions about the data: do pictures, outputs and the loss's scale belong together?

A threshold stands beside the reason for it. Where a question does not arise, a check gives None.
"""

import math
from collections.abc import Iterator

import keras
import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist, pdist

from brainlib.inspector.findings import Finding, finding
from brainlib.inspector.layer_access import array, first_of, leaves, watched
from brainlib.inspector.networks import forward

# (lowest, highest) value that an activation can give.
RANGES = {
    "sigmoid": (0.0, 1.0),
    "hard_sigmoid": (0.0, 1.0),
    "softmax": (0.0, 1.0),
    "tanh": (-1.0, 1.0),
    "relu": (0.0, math.inf),
    "softplus": (0.0, math.inf),
    "relu6": (0.0, 6.0),
    "elu": (-1.0, math.inf),
}

# A thousandth of a grey value is rounding.
ROUNDING = 1e-3


def output_range(model: keras.Model, images: np.ndarray) -> tuple[float, float]:
    """(lowest, highest) that the last layer can give.

    Infinite where it has no bounds or none are known. images: (N, H, W, C), the first is used.
    """
    calls = []
    with watched(leaves(model), lambda layer, _, outputs: calls.append((layer, outputs))):
        output = array(first_of(forward(model)(np.asarray(images[:1], "float32"))))
    for layer, given in reversed(calls):  # behind it values may be reshaped or cut, not changed
        values = array(first_of(given))
        if values.size < output.size or not np.isin(output, values).all():
            break
        activation = getattr(layer, "activation", None)
        name = getattr(activation, "__name__", type(layer).__name__.lower())
        if name in RANGES:
            return RANGES[name]
    return -math.inf, math.inf


def targets_out_of_reach(model: keras.Model, targets: np.ndarray, outputs: np.ndarray) -> Finding:
    """Whether targets lie outside the range of the last layer.

    Thesis 000 scaled pictures by 1/127, so that targets reached 2; its sigmoid ends at 1.

    Args:
        model: from image to image.
        targets: (N, H, W, C) what it should give.
        outputs: (N, H, W, C) what it gives.
    """
    low, high = output_range(model, targets)
    outside = float(np.mean((targets < low - ROUNDING) | (targets > high + ROUNDING)))
    finite = outputs[np.isfinite(outputs)]
    span = f"{finite.min():.3g} to {finite.max():.3g}" if finite.size else "no number at all"
    bounds = "the last layer has no bounds."
    if math.isfinite(low) or math.isfinite(high):
        bounds = f"the last layer can give {low:g} to {high:g}."
    # A thousandth of the pixels is a hot spot; more is a scale that does not fit.
    return finding(
        "targets out of reach",
        100 * outside,
        "% of pixels",
        expected="at most 0.1",
        flagged=outside > 1e-3,
        why=f"Targets span {targets.min():.3g} to {targets.max():.3g}, outputs {span}, "
        f"and {bounds}",
        todo="Scale the pictures to the range of the last layer, or give that layer another "
        "activation.",
    )


def data_variance(
    model: keras.Model, images: np.ndarray, given: float | None = None
) -> Finding | None:
    """Whether a loss is scaled by the variance of somebody else's data.

    Thesis 000's VQ-VAE divided its error by MNIST's variance. None where no variance is used.

    Args:
        model: a VQ-VAE, or a class that trains one.
        images: (N, H, W, C).
        given: the variance, where the model does not say it.
    """
    used = _variance_in_loss(model) if given is None else given
    if used is None:
        return None
    used, own = float(used), float(np.var(images))
    # Test pictures differ from training pictures by a fifth or so; half as much again is another
    # data set.
    factor = max(used / own, own / used)
    return finding(
        "data variance in the loss",
        used,
        "squared grey values",
        expected=f"within a factor 1.5 of {own:.3g}, these pictures'",
        flagged=factor > 1.5,
        why=f"The loss divides its error by {used:.3g}; these pictures have a variance of "
        f"{own:.3g}.",
        todo="Compute the variance from the training pictures themselves.",
    )


def _variance_in_loss(model: keras.Model) -> float | None:
    """The data variance that a model says it divides its error by; None where it says none."""
    for name in ("train_variance", "data_variance"):
        if getattr(model, name, None) is not None:
            return getattr(model, name)
    # The same loss times the variance: the codes' terms carry it.
    weight = getattr(getattr(model, "quantizer", None), "loss_weight", 1.0)
    return weight if weight != 1 else None


def outputs_of_other_images(
    targets: np.ndarray, outputs: np.ndarray, reference: np.ndarray | None = None
) -> Finding:
    """Whether outputs stand beside other images than their own, as in a figure of thesis 000.

    Args:
        targets: (N, H, W, C).
        outputs: (N, H, W, C) as they stand beside the targets.
        reference: the model's own outputs for these images, in their order, where `outputs` are
            somebody's. Blurred outputs are nearer to each other than to any target: they are
            matched with these.
    """
    wrong, best = _misplaced(targets, outputs, reference)
    count, first = int(wrong.sum()), int(np.argmax(wrong))
    example = ""
    if wrong.any():
        example = f", such as number {first}"
        if best[first] != first:
            example += f", which fits {best[first]}"
    return finding(
        "outputs of other images",
        count,
        f"of {len(wrong)} outputs",
        expected="0",
        flagged=wrong.any(),
        why=f"{count} of {len(wrong)} outputs belong to other images than those they stand beside"
        f"{example}.",
        todo="Index one array for both rows of a figure, and do not shuffle between prediction "
        "and plot.",
    )


def _misplaced(
    targets: np.ndarray, outputs: np.ndarray, reference: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """(which outputs are out of place, the image that each fits best), both (N,)."""
    flat_targets, flat_outputs = _flat(targets), _flat(outputs)
    flat_reference = flat_targets if reference is None else _flat(reference)
    errors = cdist(flat_outputs, flat_reference, "sqeuclidean")  # (outputs, images)
    best, own = linear_sum_assignment(errors)[1], np.diag(errors)
    # Blur may bring one output nearer to a neighbouring slice. That a whole ring of outputs
    # changes places and halves its error is no blur.
    wrong = np.zeros(len(best), bool)
    for ring in _rings(best):
        swapped = errors[ring, best[ring]].sum()
        wrong[ring] = len(ring) > 1 and own[ring].sum() > 2 * swapped + 1e-9
    if reference is not None:  # outputs of images that are not here: as far off as any other's
        apart = pdist(flat_reference, "sqeuclidean")
        made = ((flat_reference - flat_targets) ** 2).sum(axis=1)
        wrong |= own > max(0.5 * np.median(apart), np.median(made))
    return wrong, best


def _flat(images: np.ndarray) -> np.ndarray:
    """(N, H, W, C) -> (N, H W C) in double precision."""
    return np.asarray(images, float).reshape(len(images), -1)


def _rings(permutation: np.ndarray) -> Iterator[list[int]]:
    """The cycles of a permutation, each a list of places."""
    left = set(range(len(permutation)))
    while left:
        ring = [left.pop()]
        while permutation[ring[-1]] in left:
            ring.append(int(permutation[ring[-1]]))
            left.discard(ring[-1])
        yield ring
