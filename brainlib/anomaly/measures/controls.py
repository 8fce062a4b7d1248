"""What else could a score have seen? The scanner, and how large errors are outside of lesions.

Thesis 002 sets healthy heads of one source against ill heads of another (table 5.1), and says in
section 6.2 how errors in and outside of lesions depend on the size of the code.
"""

from collections.abc import Sequence
from math import comb

import numpy as np
import scipy.stats

from brainlib.anomaly.curve_counts import count_scores


def site_control(scores: Sequence[float], sites: Sequence[str]) -> list[dict]:
    """Healthy heads of one site against those of the others, by the same score.

    What such an AUROC reaches away from 0.5 beyond chance is the scanner, not a disease; a
    sample-wise AUROC of ill against healthy heads of different scanners has to be read beside it.

    Args:
        scores: of healthy heads, one each.
        sites: of the same heads.

    Returns:
        list of dicts: site, heads, others, auroc, p (Mann and Whitney, exact where no scores are
        tied), p_smallest (what p would be were all heads of one side above the other's). Of two
        sites only the first is listed, since the second is its mirror.
    """
    scores, sites = np.asarray(scores, float), np.asarray(sites)
    names = np.unique(sites)
    if len(names) == 2:
        names = names[:1]
    rows = []
    for site in names:
        own = sites == site
        if (~own).any():
            rows.append({"site": str(site), **_site_row(scores, own)})
    return rows


def _site_row(scores, own):
    return {
        "heads": int(own.sum()),
        "others": int((~own).sum()),
        "auroc": count_scores(scores, own).curves().auroc,
        "p": float(scipy.stats.mannwhitneyu(scores[own], scores[~own]).pvalue),
        "p_smallest": min(1.0, 2 / comb(len(own), int(own.sum()))),
    }


def errors_inside_and_outside(
    images: np.ndarray, output: np.ndarray, brain: np.ndarray, lesion: np.ndarray
) -> dict[str, float]:
    """Mean error in lesions and in the rest of the brain, and their ratio.

    Args:
        images: (N, H, W, 1).
        output: what a network makes of them, (N, H, W, 1).
        brain: bool, the same shape.
        lesion: bool, the same shape.

    Returns:
        l1_inside, l1_outside, l1_ratio (absolute error, grey values), and l2_... (squared error).
    """
    difference = np.abs(np.asarray(images, np.float64) - output)
    inside = np.asarray(lesion, bool)
    outside = np.asarray(brain, bool) & ~inside
    errors = {}
    for name, error in (("l1", difference), ("l2", difference**2)):
        within = float(error[inside].mean()) if inside.any() else np.nan
        rest = float(error[outside].mean()) if outside.any() else np.nan
        errors[f"{name}_inside"], errors[f"{name}_outside"] = within, rest
        errors[f"{name}_ratio"] = within / rest if rest else np.nan
    return errors
