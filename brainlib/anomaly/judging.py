"""How good anomaly maps are: by head, by slice, by pixel, by lesion, with intervals over subjects; and who copies lesions.

Thresholds and signs are chosen on validation heads (`operating_point`, `false_alarm_thresholds`); nothing here looks at
test heads to choose anything.
"""

from math import comb
from typing import NamedTuple

import numpy as np
from scipy import ndimage, stats

from brainlib.anomaly import scores as anomaly_scores
from brainlib.anomaly.curve_counts import count, dice
from brainlib.evaluation.stats import bootstrap_interval

SIZES_ML = (0, 1, 10, np.inf)  # of lesions: small, middle, large
BINS = 4096  # of the bootstrap's histograms: by rank, so that tails are resolved


class Head(NamedTuple):
    """A scored head. score, brain, lesion: (N, H, W), post-processed score, bool masks; lesion is empty in the healthy."""

    subject: str
    group: str
    site: str
    score: np.ndarray
    brain: np.ndarray
    lesion: np.ndarray

    @property
    def ill(self):
        return self.group != "healthy"

    @property
    def inside(self):
        """The pixels that are judged: the brain, and a lesion that its mask left out."""
        return self.brain | self.lesion

    def called(self, threshold, min_pixels):
        """What a threshold calls lesion: bool (N, H, W)."""
        return anomaly_scores.detect(
            self.score, threshold, min_pixels=min_pixels, inside=self.inside
        )


# ------------------------------------------------------------------------------------------------ levels


def pixel_counter(heads):
    """All brain pixels of heads in one `Counter`: 'is this pixel in a lesion?'."""
    return count(pairs(heads))


def pairs(heads):
    """(score, lesion) of the brain's pixels, head by head: what `curves` and `operating_point` take.

    The zeros that post-processing leaves outside of the brain are no pixels that anybody has to judge.
    """
    for head in heads:
        inside = head.inside
        yield head.score[inside], head.lesion[inside]


def slice_table(heads, *, min_lesion_px=1, min_brain_px=1):
    """One row a slice with enough brain: dict of subject, score (mean over its brain), ill; each (M,).

    min_lesion_px: a slice counts as lesional from so many lesion pixels on, at the size of the maps.
    """
    rows = {"subject": [], "score": [], "ill": []}
    for head in heads:
        brain = head.brain.sum(axis=(1, 2))
        kept = brain >= min_brain_px
        score = (head.score * head.brain).sum(axis=(1, 2), dtype=np.float64)[kept] / brain[kept]
        rows["subject"] += [head.subject] * len(score)
        rows["score"].append(score)
        rows["ill"].append(head.lesion.sum(axis=(1, 2))[kept] >= min_lesion_px)
    return {
        "subject": np.array(rows["subject"]),
        "score": np.concatenate(rows["score"]),
        "ill": np.concatenate(rows["ill"]),
    }


def sample_scores(heads):
    """One score a head, as seed 002: the mean over slices of the slice's mean. (S,)."""
    return np.array([slice_table([head])["score"].mean() for head in heads])


def confusion(heads, threshold, *, min_pixels=7):
    """What a threshold does on heads: counts of pixels, precision, recall, Dice in three ways.

    Returns:
        dict: tp, fp, fn, tn (brain pixels, all heads pooled), precision, recall, dice_total (pooled, the seed's DICE_T),
        dice_slices (mean over lesional slices), dice_subject and dice_subject_std (over heads with a lesion, the seed's
        DICE_S), dices ({subject: Dice}), false_alarm_rate (share of healthy brain pixels).
    """
    total, by_subject, by_slice = np.zeros(4, np.int64), {}, []
    for head in heads:
        found = head.called(threshold, min_pixels)
        true, false, missed = (
            (found & head.lesion).sum(),
            (found & ~head.lesion).sum(),
            (~found & head.lesion).sum(),
        )
        total += true, false, missed, head.inside.sum() - true - false - missed
        if head.lesion.any():
            by_subject[head.subject] = dice(found, head.lesion)
            by_slice += [
                dice(found[place], head.lesion[place])
                for place in np.flatnonzero(head.lesion.any(axis=(1, 2)))
            ]
    tp, fp, fn, tn = (int(number) for number in total)
    dices = np.array(list(by_subject.values()))
    return {
        "tp": tp,
        "fp": fp,
        "fn": fn,
        "tn": tn,
        "precision": tp / (tp + fp) if tp + fp else np.nan,
        "recall": tp / (tp + fn) if tp + fn else np.nan,
        "dice_total": 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else 1.0,
        "dice_slices": float(np.mean(by_slice)) if by_slice else np.nan,
        "dice_subject": float(dices.mean()) if len(dices) else np.nan,
        "dice_subject_std": float(dices.std(ddof=1)) if len(dices) > 1 else np.nan,
        "dices": by_subject,
        "false_alarm_rate": fp / (fp + tn) if fp + tn else np.nan,
    }


def false_alarm_thresholds(healthy, shares=(0.01, 0.05, 0.10)):
    """Thresholds that so many of the brain pixels of healthy (validation) heads reach: {share: threshold}."""
    counter = pixel_counter(healthy)
    return {share: counter.threshold_of_share(share) for share in shares}


# ------------------------------------------------------------------------------------------------ intervals


def area_intervals(scores, labels, subjects, *, n=500, level=0.95, seed=0):
    """Bootstrap intervals over subjects of AUROC and AUPRC.

    Args:
        scores, labels, subjects: (M,) a row a head, a slice or a pixel. Where every subject has rows of one kind only, ill and
            healthy ones are drawn separately; else all together.
        n: resamplings.

    Returns:
        {"auroc": (low, high), "auprc": (low, high)}; NaN where fewer than two subjects of a kind exist, or fewer than two with
        a row that is ill.
    """
    names, place = np.unique(subjects, return_inverse=True)
    return _intervals(
        lambda: (
            (scores[place == number], labels[place == number]) for number in range(len(names))
        ),
        n,
        level,
        seed,
    )


def pixel_intervals(heads, *, n=500, level=0.95, seed=0):
    """`area_intervals` over the brain pixels of heads, which are never held together: each head is a histogram."""
    return _intervals(lambda: pairs(heads), n, level, seed)


def auprc_difference(heads, others, *, n=1000, level=0.95, seed=0):
    """Interval of a detector's pixel AUPRC minus another's on the same heads, by bootstrap over subjects: both are drawn alike.

    Args:
        heads, others: the same subjects in the same order, scored by either.

    Returns:
        (low, high); NaN with fewer than two subjects.
    """
    names = [[head.subject for head in part] for part in (heads, others)]
    if names[0] != names[1]:
        raise ValueError(
            f"expected the same subjects in the same order, got {names[0]} and {names[1]}."
        )
    drawn = [_resampled(lambda part=part: pairs(part), n, seed) for part in (heads, others)]
    if drawn[0] is None:
        return np.nan, np.nan
    low, high = np.percentile(drawn[0][:, 1] - drawn[1][:, 1], [50 * (1 - level), 50 * (1 + level)])
    return float(low), float(high)


def _intervals(parts, n, level, seed):
    """parts: function without arguments; gives a (scores, labels) for each subject, anew each time."""
    found = _resampled(parts, n, seed)
    if found is None:
        return {"auroc": (np.nan, np.nan), "auprc": (np.nan, np.nan)}
    ends = np.percentile(found, [50 * (1 - level), 50 * (1 + level)], axis=0)
    return {
        name: (float(ends[0, column]), float(ends[1, column]))
        for column, name in enumerate(("auroc", "auprc"))
    }


def _resampled(parts, n, seed):
    """(n, 2): AUROC and AUPRC of resampled subjects; None where fewer than two of a kind exist."""
    positive, negative = (
        np.stack(tables) for tables in zip(*_histograms(parts))
    )  # (S, BINS), from the highest score down
    rng, ill = np.random.default_rng(seed), positive.sum(axis=1) > 0
    pure = not (
        ill & (negative.sum(axis=1) > 0)
    ).any()  # two kinds of subjects, or one whose parts differ
    groups = [
        group
        for group in (
            (np.flatnonzero(ill), np.flatnonzero(~ill)) if pure else (np.arange(len(ill)),)
        )
        if len(group)
    ]
    if ill.sum() < 2 or any(len(group) < 2 for group in groups):
        return None
    found = []
    while len(found) < n:
        drawn = np.concatenate([rng.choice(group, len(group)) for group in groups])
        if ill[drawn].any():
            weights = np.bincount(drawn, minlength=len(ill)).astype(np.float64)
            found.append(_areas(weights @ positive, weights @ negative))
    return np.array(found)


def _histograms(parts):
    """(counts of the ill, of the others) of each subject, by the same bins; the subjects are gone through twice, one at a time."""
    drawn = [
        (
            part[np.random.default_rng(0).integers(0, len(part), min(len(part), 20_000))],
            np.sort(part[truth])[-50:],
        )
        for part, truth in parts()
    ]
    sample, extremes = (np.concatenate(of) for of in zip(*drawn))
    edges = np.unique(
        np.concatenate(
            [
                np.quantile(sample, np.linspace(0, 1, BINS // 2)),
                np.quantile(sample, 1 - np.geomspace(1e-6, 1, BINS // 4)),
                extremes,
            ]
        )
    )
    for score, truth in parts():
        bins = len(edges) - np.searchsorted(edges, score, side="right")
        yield (
            np.bincount(bins[truth], minlength=len(edges) + 1).astype(np.float64),
            np.bincount(bins[~truth], minlength=len(edges) + 1).astype(np.float64),
        )


def _areas(positive, negative):
    true, false = np.cumsum(positive), np.cumsum(negative)
    auroc = (
        np.trapezoid(np.append(0, true), np.append(0, false)) / (true[-1] * false[-1])
        if false[-1]
        else np.nan
    )
    return auroc, np.sum(positive * true / np.maximum(true + false, 1e-12)) / true[-1]


def dice_interval(result, *, seed=0):
    """Mean Dice a subject with its bootstrap interval, from `confusion`'s result; None where no subject has a lesion."""
    if not result["dices"]:
        return None
    return bootstrap_interval(list(result["dices"].values()), list(result["dices"]), seed=seed)


# ------------------------------------------------------------------------------------------------ lesions, sites, errors


def lesions_found(heads, threshold, *, voxel_ml, min_pixels=7, min_overlap=0.1, sizes=SIZES_ML):
    """Detection lesion by lesion (3-D components of the truth).

    Args:
        voxel_ml: volume of a voxel of the maps, in ml.
        min_overlap: a lesion is found if this share of it is called lesion.
        sizes: limits of the classes of size, in ml.

    Returns:
        list of dicts: size ("1 to 10 ml"), lesions, found, share; and last the class "false pieces", those that touch no
        lesion, with `per_head`, and `ml_per_head`: all that is called outside of lesions. A map that calls everything finds
        every lesion with no false piece, and has the rest of the brain as its false volume.
    """
    volumes_ml, shares, false, outside = [], [], 0, 0
    for head in heads:
        found = head.called(threshold, min_pixels)
        pieces, number = ndimage.label(head.lesion, structure=np.ones((3, 3, 3)))
        sizes_px = np.bincount(pieces.ravel(), minlength=number + 1)[1:]
        shares += list(
            np.bincount(pieces[found], minlength=number + 1)[1:] / np.maximum(sizes_px, 1)
        )
        volumes_ml += list(sizes_px * voxel_ml)
        called, _ = ndimage.label(found, structure=np.ones((3, 3, 3)))
        outside += np.count_nonzero(found & ~head.lesion)
        false += len(set(np.unique(called)) - set(np.unique(called[head.lesion])) - {0})
    volumes_ml, hit = np.array(volumes_ml), np.array(shares) >= min_overlap
    rows = []
    for low, high in zip(sizes, sizes[1:]):
        inside = (volumes_ml >= low) & (volumes_ml < high) if len(volumes_ml) else np.zeros(0, bool)
        name = (
            f"over {low:g} ml"
            if high == np.inf
            else f"under {high:g} ml"
            if low == 0
            else f"{low:g} to {high:g} ml"
        )
        rows.append(
            {
                "size": name,
                "lesions": int(inside.sum()),
                "found": int(hit[inside].sum()),
                "share": float(hit[inside].mean()) if inside.any() else np.nan,
                "per_head": np.nan,
                "ml_per_head": np.nan,
            }
        )
    return [
        *rows,
        {
            "size": "false pieces",
            "lesions": 0,
            "found": false,
            "share": np.nan,
            "per_head": false / max(len(heads), 1),
            "ml_per_head": outside * voxel_ml / max(len(heads), 1),
        },
    ]


def site_control(scores, sites):
    """Healthy heads of one site against those of the others, by the same score: [{site, heads, others, auroc, p, p_smallest}].

    What such an AUROC reaches away from 0.5 beyond chance (p: Mann and Whitney, exact where no scores are tied) is the
    scanner, not a disease; a sample-wise AUROC of ill against healthy heads of different scanners has to be read beside it.
    p_smallest: what p would be were all heads of one side above the other's; of two sites only the first is listed, since the
    second is its mirror.
    """
    scores, sites = np.asarray(scores, float), np.asarray(sites)
    rows = []
    for site in np.unique(sites)[: 1 if len(np.unique(sites)) == 2 else None]:
        own = sites == site
        if (~own).any():
            rows.append(
                {
                    "site": str(site),
                    "heads": int(own.sum()),
                    "others": int((~own).sum()),
                    "auroc": count(scores, own).curves().auroc,
                    "p": float(stats.mannwhitneyu(scores[own], scores[~own]).pvalue),
                    "p_smallest": min(1.0, 2 / comb(len(own), int(own.sum()))),
                }
            )
    return rows


def errors_inside_and_outside(images, output, brain, lesion):
    """Mean absolute (l1) and squared (l2) error in lesions and in the rest of the brain, and their ratio. All (N, H, W, 1)."""
    difference = np.abs(np.asarray(images, np.float64) - output)
    inside, outside = np.asarray(lesion, bool), np.asarray(brain, bool) & ~np.asarray(lesion, bool)
    rows = {}
    for name, error in (("l1", difference), ("l2", difference**2)):
        rows[f"{name}_inside"] = float(error[inside].mean()) if inside.any() else np.nan
        rows[f"{name}_outside"] = float(error[outside].mean()) if outside.any() else np.nan
        rows[f"{name}_ratio"] = (
            rows[f"{name}_inside"] / rows[f"{name}_outside"] if rows[f"{name}_outside"] else np.nan
        )
    return rows


# ------------------------------------------------------------------------------------------------ the copying audit


def plant(images, brain, *, contrast, radius_px, seed=0, softness_px=1.0):
    """Round lesions planted into healthy slices, one a slice, wholly inside the brain where it has room.

    Args:
        images: (N, H, W, 1) in [0, 1]; brain: bool, the same shape.
        contrast: grey values that are added (negative: a dark lesion); the result is clipped to [0, 1].
        radius_px: of the lesion.
        softness_px: width of its rim.

    Returns:
        (slices with lesions, share of the lesion in each pixel, 0 to 1), both (N, H, W, 1).
    """
    rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]
    planted, shares = np.array(images, np.float32), np.zeros(images.shape, np.float32)
    for number, (image, inside) in enumerate(zip(planted, brain[..., 0])):
        depth = ndimage.distance_transform_edt(inside)
        room = np.argwhere(depth > radius_px)
        if not len(room):
            room = np.argwhere(depth == depth.max())
        row, column = room[np.random.default_rng([seed, number]).integers(len(room))]
        distance = np.hypot(rows - row, columns - column)
        shares[number, ..., 0] = np.clip((radius_px - distance) / softness_px + 0.5, 0, 1) * inside
        image[...] = np.clip(image + contrast * shares[number], 0, 1)
    return planted, shares


def painted_back(model, images, planted):
    """How much of a planted change each output repeats: 1 all of it (a copy), 0 nothing. (N, H, W, 1) -> (N,).

    The change of the output, projected on the change of the input: <f(x + d) - f(x), d> / <d, d>.
    """
    change = planted - images
    answer = anomaly_scores.reconstruct(model, planted) - anomaly_scores.reconstruct(model, images)
    axes = (1, 2, 3)
    return (answer * change).sum(axis=axes) / np.maximum((change**2).sum(axis=axes), 1e-12)


def dose_response(model, images, brain, *, contrasts, radii_px, seed=0):
    """The copying audit: planted lesions of growing contrast and size.

    Returns:
        list of dicts: contrast, radius_px, painted_back (mean over slices), std, slices.
    """
    rows = []
    for radius in radii_px:
        for contrast in contrasts:
            planted, _ = plant(images, brain, contrast=contrast, radius_px=radius, seed=seed)
            changed = np.abs(planted - images).max(axis=(1, 2, 3)) > 0
            share = painted_back(model, images[changed], planted[changed])
            rows.append(
                {
                    "contrast": contrast,
                    "radius_px": radius,
                    "painted_back": float(share.mean()),
                    "std": float(share.std()),
                    "slices": int(changed.sum()),
                }
            )
    return rows


def healed(output, image, twin, lesion):
    """Restorations beside a phantom's lesion-free twin: share of the lesion's squared error that is gone; 1 healed, 0 as ill as before.

    output, image, twin: (N, H, W, 1), lesion: bool. NaN without lesion.
    """
    lesion = np.asarray(lesion, bool)
    before, after = (
        float(np.sum((np.asarray(part, np.float64) - twin)[lesion] ** 2))
        for part in (image, output)
    )
    return 1 - after / before if before else np.nan
