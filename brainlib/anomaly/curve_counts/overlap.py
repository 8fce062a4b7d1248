"""How much do two masks overlap? Dice, the measure of thesis 002's tables 5.3 and 5.4."""

import numpy as np


def dice(prediction: np.ndarray, lesion: np.ndarray) -> float:
    """Dice overlap of two masks, 0 to 1; 1 where both are empty.

    Args:
        prediction: bool, or labels that are not 0.
        lesion: the same, of the same shape.
    """
    prediction, lesion = _as_mask(prediction), _as_mask(lesion)
    if prediction.shape != lesion.shape:
        raise ValueError(
            f"expected two masks of one shape, got {prediction.shape} and {lesion.shape}."
        )
    total = np.count_nonzero(prediction) + np.count_nonzero(lesion)
    return 2 * np.count_nonzero(prediction & lesion) / total if total else 1.0


def _as_mask(array):
    array = np.asarray(array)
    if array.dtype.kind == "f" and not (array == np.round(array)).all():  # NaN is not, either
        raise ValueError(
            "dice: expected masks of bools or of whole labels, got other numbers. "
            "Pass score >= threshold, or labels > 0."
        )
    return array.astype(bool)
