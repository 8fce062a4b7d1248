"""The steps of a study of anomaly detection: heads prepared, detectors scored, one chosen on validation lesions, judged once on test lesions."""

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy.stats

from brainlib import models, slices
from brainlib.anomaly import command, judging, preparation, restoration
from brainlib.anomaly import scores as anomaly_scores
from brainlib.anomaly.curve_counts import count
from brainlib.anomaly.judging import Head
from brainlib.evaluation import stats
from brainlib.heads import masks as masking
from brainlib.heads import volumes
from brainlib.models import prior as models_prior
from brainlib.models import vq as models_vq

ENOUGH_BRAIN = 0.02  # share of a slice that is brain, from which it is trained on
ENOUGH_HEADS = 6  # below it even all heads the same way is no 5 % (sign test, two-sided: 2 / 2**5)
ALL = "all lesions"  # the group of all pathologies together
POSTS = {
    1: {"erode_px": 3, "median": 9, "min_pixels": 7},
    2: command.POST,
    4: {"erode_px": 1, "median": 3, "min_pixels": 3},
}  # by the pixels' side in mm


class Detector(NamedTuple):
    """A way to score: a model's name ("" for the baselines) and a method of `anomaly_scores.score_slices`."""

    model: str
    method: str

    @property
    def name(self):
        return f"{self.model} {self.method}".strip().replace("_", " ")

    @property
    def baseline(self):
        return not self.model


# ------------------------------------------------------------------------------------------------ heads


def prepare_heads(table, *, cache, masks, mask_method="deepbrain", say=print, full=(), **options):
    """Brings the heads of a cohort to the network's slices; what is there already is read.

    Args:
        table: rows with subject, path, brain_path, lesion_path ("" for none).
        cache, masks: folders of prepared heads and of brain masks.
        mask_method: see `masking.cached_mask`.
        say: told about heads that cannot be used; they are left out.
        full: subjects whose slices in the box's own voxels are kept, too: 27 MB a head at 1 mm.
        options: of `anomaly_prepare.prepare`.

    Returns:
        ({subject: `Prepared`}, {subject: why it was left out}).
    """
    prepared, faults = {}, {}
    for row in table.itertuples():
        try:
            volume, mask = read_head(row, masks=masks, mask_method=mask_method)
            lesion = preparation.read_lesion(row.lesion_path, volume)
            prepared[row.subject] = preparation.cached(
                volume, mask, cache=cache, lesion=lesion, full=row.subject in full, **options
            )
        except command.REFUSALS as error:
            faults[row.subject] = " ".join(str(error).split())
            say(f"{row.subject}: left out. {faults[row.subject]}")
    if not prepared:
        raise ValueError(
            f"expected at least one head that can be used, got none of {len(table)}: {next(iter(faults.values()), 'the table is empty')}"
        )
    return prepared, faults


def read_head(row, *, masks, mask_method="deepbrain"):
    """(volume, brain mask) of a row of the cohort."""
    volume = volumes.load(row.path)
    return volume, masking.cached_mask(
        volume, cache=masks, method=mask_method, given=row.brain_path
    )


def prepare_twin(row, *, masks, mask_method="deepbrain", **options):
    """The lesion-free twin of a synthetic head, cut out with the ill head's own mask, so that both lie on each other."""
    volume, mask = read_head(row, masks=masks, mask_method=mask_method)
    return preparation.prepare(volumes.load(row.twin_path), mask, **{**options, "full": False})


def preparation_pictures(volume, mask, *, lesion=None, **options):
    """One axial slice of a head after each step of `anomaly_prepare.prepare`, with the steps that are options beside.

    Args:
        lesion: bool mask; the slice with most of it is shown, else the middle one.
        options: of `prepare`.

    Returns:
        {step: picture (H, W), its 99.5th percentile as 1}.
    """
    options, steps = {**options, "full": True}, {}
    prepared = preparation.prepare(volume, mask, lesion=lesion, **options, steps=steps)
    chosen = {
        "smoothing": options.get("smoothing", "curvature_flow"),
        "n4": options.get("n4", False),
    }
    for change in (
        {"smoothing": "none"},
        {"smoothing": "total_variation"},
        {"smoothing": "curvature_flow"},
        {"n4": True},
    ):
        if not change.items() <= chosen.items():
            other = {}
            preparation.prepare(volume, mask, **{**options, **change}, steps=other)
            name = (
                "with N4"
                if change.get("n4")
                else {"none": "not smoothed"}.get(
                    change["smoothing"], change["smoothing"].replace("_", " ")
                )
            )
            steps[f"(option: {name})"] = list(other.values())[-1]
    area = prepared.full_lesion.sum(axis=(1, 2, 3))
    height = int(area.argmax()) if area.any() else len(area) // 2
    shown = {name: slices.pictures(array, "axial")[height] for name, array in steps.items()}
    place = min(len(prepared.images) - 1, height * len(prepared.images) // len(area))
    shown = {
        **{name: shown[name] for name in shown if not name.startswith("(")},
        f"shrunk to {prepared.images.shape[1]}x{prepared.images.shape[2]}": prepared.images[
            place, ..., 0
        ],
        **{name: shown[name] for name in shown if name.startswith("(")},
    }
    return {
        name: picture / max(np.percentile(picture, 99.5), 1e-9) for name, picture in shown.items()
    }


def network_shape(name, size, options=None):
    """(H, W) that a model takes for slices of `size` (slices, rows, columns): the next sides that it can halve."""
    stride = (
        2 ** (options or {}).get("depth", 6)
        if name == "vqvae"
        else models.TABLE[name].stride
        if name in models.TABLE
        else 1
    )
    return tuple(-(-side // stride) * stride for side in size[1:])


def store_slices(prepared, path, *, shape):
    """Writes the slices with brain as one `.npy` file for training.

    Args:
        prepared: {subject: `Prepared`}.
        path: of the file.
        shape: (H, W) of the stored slices; smaller ones are filled up with 0 at the bottom and the right.

    Returns:
        dict of arrays, a row a stored slice: subject, slice (number in the box).
    """
    subjects, numbers = [], []
    chosen = {
        name: np.flatnonzero(head.brain.mean(axis=(1, 2, 3)) >= ENOUGH_BRAIN)
        for name, head in prepared.items()
    }
    with slices.Writer(Path(path), (sum(map(len, chosen.values())), *shape, 1)) as stored:
        for name, head in prepared.items():
            missing = [(0, want - got) for want, got in zip(shape, head.images.shape[1:3])]
            stored.add(np.pad(head.images[chosen[name]], [(0, 0), *missing, (0, 0)]))
            subjects += [name] * len(chosen[name])
            numbers += list(chosen[name])
    return {"subject": np.array(subjects), "slice": np.array(numbers)}


def post_for(size):
    """Options of `post_process` for slices of `size` (slices, rows, columns): the seed's steps, halved with the pixels."""
    side_mm = preparation.BOX_MM[2] / size[0]
    return dict(POSTS[min(POSTS, key=lambda mm: abs(np.log(mm / side_mm)))])


def voxel_ml(size):
    """Volume of a voxel of maps of `size` (slices, rows, columns), in ml."""
    return float(np.prod(preparation.BOX_MM) / np.prod(size) / 1000)


def reachable(heads, *, erode_px):
    """How much of each lesion any score can find at all: dicts of subject, group, lesion_voxels, in_mask, in_eroded_mask (shares).

    A mask of healthy brains leaves out dark lesions at its rim; what is outside scores 0 whatever the network does.

    Args:
        heads: {subject: (group, brain, lesion)}, bool (N, H, W).
    """
    rows = []
    for subject, (group, brain, lesion) in heads.items():
        total = max(int(lesion.sum()), 1)
        rows.append(
            {
                "subject": subject,
                "group": group,
                "lesion_voxels": int(lesion.sum()),
                "in_mask": float((lesion & brain).sum() / total),
                "in_eroded_mask": float(
                    (lesion & anomaly_scores.erode(brain, erode_px)).sum() / total
                ),
            }
        )
    return rows


# ------------------------------------------------------------------------------------------------ detectors


def detectors(networks, methods):
    """All pairs of a network and a method that fit each other, and both baselines.

    Args:
        networks: {name: model}.
        methods: of `anomaly_scores.METHODS`, without the baselines.
    """
    unknown = sorted(set(methods) - set(anomaly_scores.METHODS))
    if unknown:
        raise ValueError(
            f"methods: expected some of {', '.join(anomaly_scores.METHODS)}, got {', '.join(unknown)}."
        )
    pairs = [
        Detector(name, method)
        for name, model in networks.items()
        for method in methods
        if method not in anomaly_scores.BASELINES and fits(model, method)
    ]
    without = sorted(set(networks) - {detector.model for detector in pairs})
    if without:
        raise ValueError(
            f"methods: expected at least one that {', '.join(without)} can answer, such as absolute; got {', '.join(methods) or 'none'}."
        )
    return [*pairs, *(Detector("", method) for method in anomaly_scores.BASELINES)]


def prior_options(
    model, images, validation, *, folder, quantile=0.98, restorations=4, seed=0, **options
):
    """Trains the prior over a VQ model's codes, or loads it: options of the methods `anomaly_scores.OF_CODES`.

    Args:
        images, validation: healthy slices (N, H, W, 1) that the model takes.
        folder: of this prior alone.
        quantile: share of the codes of healthy validation slices that restoration leaves alone.
        options: of `models_prior.load_or_fit`.

    Returns:
        ({method: its options}, history).
    """
    codes, others = (models_vq.codes_of(model, part) for part in (images, validation))
    prior, history = models_prior.load_or_fit(
        codes,
        others,
        codebook_size=model.quantizer.codebook_size,
        folder=folder,
        seed=seed,
        **options,
    )
    threshold = restoration.typical_threshold(model, validation, prior=prior, quantile=quantile)
    restoring = {
        "prior": prior,
        "threshold_bits": threshold,
        "restorations": restorations,
        "seed": seed,
    }
    return {
        method: {"prior": prior} if method == "prior_surprise" else restoring
        for method in anomaly_scores.OF_CODES
    }, history


def fits(model, method):
    """Whether a method can be asked of a model."""
    return (
        models.is_vae(model)
        if method in anomaly_scores.OF_A_VAE
        else models.is_vq(model)
        if method in anomaly_scores.OF_CODES
        else True
    )


def score_heads(detector, networks, prepared, table, *, post, at="network", options=None):
    """Heads scored by a detector, post-processed: [`Head`], in the table's order.

    Args:
        networks: {name: model}.
        prepared: {subject: `Prepared`}.
        table: rows with subject, group, site; those that were not prepared are left out.
        post, at: see `anomaly_heads.score_prepared`.
        options: {method: its options}, or {(model, method): its options}, such as the prior of a model's codes.
    """
    given, scored = asked(detector, options or {}), []
    for row in table[table.subject.isin(prepared)].itertuples():
        maps, brain, lesion = command.score_prepared(
            networks.get(detector.model),
            prepared[row.subject],
            method=detector.method,
            post=post,
            at=at,
            **given,
        )
        scored.append(Head(row.subject, row.group, row.site, maps, brain, lesion))
    return scored


def ill_heads(table, prepared=None):
    """(ill heads whose lesions are drawn, ill heads without a mask) of a cohort: only the first can be judged by slice and by pixel.

    Args:
        prepared: {subject: `Prepared`}; with it, an ill head of whose lesion nothing is left at the network's size counts
            as one without a mask: an empty file, a lesion outside of the box, or one smaller than half a pixel.
    """
    ill = table[table.group != "healthy"]
    drawn = ill.lesion_path != ""
    if prepared is not None:
        drawn &= np.array(
            [name not in prepared or bool(prepared[name].lesion.any()) for name in ill.subject],
            bool,
        )
    return ill[drawn], ill[~drawn]


def asked(detector, options):
    """The options of one detector, of those of `score_heads`."""
    return {
        **options.get(detector.method, {}),
        **options.get((detector.model, detector.method), {}),
    }


def by_group(heads):
    """{group: its ill heads}, and all of them under `ALL` where there are several groups."""
    ill = [head for head in heads if head.ill]
    groups = {
        name: [head for head in ill if head.group == name]
        for name in dict.fromkeys(head.group for head in ill)
    }
    return {**groups, ALL: ill} if len(groups) > 1 else groups


# ------------------------------------------------------------------------------------------------ choosing, on validation


def _point(counter):
    """The operating point of a counter; a Dice of more than one mode is told by its `unimodal`, not by a warning a detector."""
    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", "operating_point: Dice over the thresholds has more than one mode"
        )
        return counter.operating_point()


def validate(heads, *, min_pixels=0):
    """What validation heads with a lesion say about a detector.

    Returns:
        {group: dict of auroc, auprc, prevalence, point (of the greedy search, over pixels), dice_as_used (total Dice at its
        threshold when pieces under `min_pixels` are removed, as they are on test heads), subjects}.
    """
    found = {}
    for name, part in by_group(heads).items():
        counter = judging.pixel_counter(part)
        if not counter.counts[1]:
            continue
        areas = counter.curves()
        point = _point(counter)
        used = judging.confusion(part, point.threshold, min_pixels=min_pixels)["dice_total"]
        found[name] = {
            "auroc": areas.auroc,
            "auprc": areas.auprc,
            "prevalence": areas.prevalence,
            "point": point,
            "dice_as_used": used,
            "subjects": len(part),
        }
    return found


def choose(found, *, group=None):
    """The best detector of each model, and the best baseline, by pixel AUPRC on all validation lesions.

    Args:
        found: {detector: what `validate` returned}.
        group: by this group alone.

    Returns:
        {model's name ("" for the baselines): detector}, the best first.
    """

    def auprc(detector):
        of = found[detector]
        return of[group or (ALL if ALL in of else next(iter(of)))]["auprc"]

    ranked = sorted((detector for detector in found if found[detector]), key=auprc, reverse=True)
    return {
        name: next(detector for detector in ranked if detector.model == name)
        for name in dict.fromkeys(detector.model for detector in ranked)
    }


# ------------------------------------------------------------------------------------------------ judging, on test


def levels(ill, healthy, *, unmasked=(), n=300, seed=0, min_lesion_px=1):
    """AUROC and AUPRC of a detector by sample, slice and pixel, with intervals by bootstrap over subjects.

    Args:
        ill: heads with a lesion that is drawn: their pixels and slices are judged, as in seed 002.
        healthy: heads without; heads of all kinds are judged by sample.
        unmasked: ill heads whose lesion nobody drew: their pixels would all count as healthy.
        min_lesion_px: a slice counts as ill from so many lesion pixels on, at the size of the maps.

    Returns:
        list of dicts: level, auroc, auroc_low, auroc_high, auprc, auprc_low, auprc_high, prevalence, cases (heads, slices,
        pixels), ill_subjects, healthy_subjects.
    """
    both = [*ill, *unmasked, *healthy]
    scores, labels = judging.sample_scores(both), np.array([head.ill for head in both])
    names = np.array([head.subject for head in both])
    parts = {
        "sample": (
            count(scores, labels).curves(),
            judging.area_intervals(scores, labels, names, n=n, seed=seed),
            len(ill) + len(unmasked),
            len(healthy),
        )
    }
    if ill:
        table = judging.slice_table(ill, min_lesion_px=min_lesion_px)
        of_slices = judging.area_intervals(
            table["score"], table["ill"], table["subject"], n=n, seed=seed
        )
        parts["slice"] = count(table["score"], table["ill"]).curves(), of_slices, len(ill), 0
        of_pixels = judging.pixel_intervals(ill, n=n, seed=seed)
        parts["pixel"] = judging.pixel_counter(ill).curves(), of_pixels, len(ill), 0
    return [
        {
            "level": level,
            "auroc": areas.auroc,
            "auroc_low": limits["auroc"][0],
            "auroc_high": limits["auroc"][1],
            "auprc": areas.auprc,
            "auprc_low": limits["auprc"][0],
            "auprc_high": limits["auprc"][1],
            "prevalence": areas.prevalence,
            "cases": areas.pixels,
            "ill_subjects": sick,
            "healthy_subjects": others,
        }
        for level, (areas, limits, sick, others) in parts.items()
    ]


def false_alarms(validation, test, *, shares=(0.01, 0.05, 0.10), min_pixels=7):
    """What thresholds of healthy validation heads do on healthy test heads.

    Returns:
        list of dicts, a row a share and test head: wanted, threshold, subject, site, false_alarm_rate (share of brain pixels at or
        above the threshold), after_small_pieces (the same without components under `min_pixels`).
    """
    rows = []
    for share, threshold in judging.false_alarm_thresholds(validation, shares).items():
        for head in test:
            raw, kept = (
                judging.confusion([head], threshold, min_pixels=limit)["false_alarm_rate"]
                for limit in (0, min_pixels)
            )
            rows.append(
                {
                    "wanted": share,
                    "threshold": threshold,
                    "subject": head.subject,
                    "site": head.site,
                    "false_alarm_rate": raw,
                    "after_small_pieces": kept,
                }
            )
    return rows


def ablation(detector, networks, prepared, table, *, post, options=None, full=False):
    """What each step of the post-processing brings, on validation heads with a lesion.

    Args:
        full: also subtracts at the box's voxels, before and after enlarging (heads prepared with full=True).

    Returns:
        list of dicts: step, auprc, auroc, dice (total, at the threshold of the 10-step search), lesions_found (share of the
        lesions), false_pieces (a head), threshold, voxels_mm.
    """
    variants = {
        "all steps": post,
        "no eroded mask": {**post, "erode_px": 0},
        "no median": {**post, "median": 0},
        "median 3x3": {**post, "median": 3},
        "median 5x5": {**post, "median": 5},
        "median 9x9": {**post, "median": 9},
        "small pieces kept": {**post, "min_pixels": 0},
        "none": None,
    }
    runs = [(name, setting, "network") for name, setting in variants.items()]
    if full:
        side_mm = preparation.BOX_MM[2] / len(
            next(prepared[name].full for name in table.subject if name in prepared)
        )
        large = post_for((preparation.BOX_MM[2] / side_mm, 0, 0))
        runs += [
            ("enlarged, then subtracted (seed 002)", large, "full"),
            ("subtracted, then enlarged", large, "full_after"),
        ]
    rows = []
    for name, setting, at in runs:
        heads = score_heads(
            detector, networks, prepared, table, post=setting, at=at, options=options
        )
        counter = judging.pixel_counter(heads)
        areas, point = counter.curves(), _point(counter)
        limit = (setting or {}).get("min_pixels", 0)
        *sizes, false = judging.lesions_found(
            heads, point.threshold, voxel_ml=voxel_ml(heads[0].score.shape), min_pixels=limit
        )
        rows.append(
            {
                "step": name,
                "auprc": areas.auprc,
                "auroc": areas.auroc,
                "dice": judging.confusion(heads, point.threshold, min_pixels=limit)["dice_total"],
                "lesions_found": sum(row["found"] for row in sizes)
                / max(1, sum(row["lesions"] for row in sizes)),
                "false_pieces": false["per_head"],
                "threshold": point.threshold,
                "voxels_mm": preparation.BOX_MM[2] / heads[0].score.shape[0],
            }
        )
    return rows


def thresholds(found, healthy):
    """Thresholds of a detector: {group: {kind: threshold}}.

    Args:
        found: what `validate` returned for it ({} without validation lesions).
        healthy: scored healthy validation heads.

    Returns:
        for each group and `ALL`: "own lesions" (10-step search on that group), "one for all" (the same on all lesions
        together), "1 % false alarms", "5 % false alarms", "10 % false alarms" (of healthy validation pixels).
    """
    common = (
        {
            f"{share:.0%} false alarms".replace("%", " %"): value
            for share, value in judging.false_alarm_thresholds(healthy).items()
        }
        if healthy
        else {}
    )
    together = found.get(ALL) or next(iter(found.values()), None)
    if together:
        common = {"one for all": together["point"].threshold, **common}
    own = {
        name: {"own lesions": areas["point"].threshold}
        for name, areas in found.items()
        if name != ALL
    }
    return {name: {**own.get(name, {}), **common} for name in dict.fromkeys([*own, ALL])}


def limit_of(limits, group, *kinds):
    """A group's threshold of the first of these kinds that there is one of, else that of all lesions: `thresholds`' numbers."""
    given = {**limits[ALL], **limits.get(group, {})}
    return next(
        (given[kind] for kind in (*kinds, "one for all", "5 % false alarms") if kind in given),
        np.inf,
    )


def operating_table(heads, limits, *, min_pixels=7):
    """What each threshold gives on test heads: a row a group and kind of threshold.

    Args:
        heads: scored heads with a lesion.
        limits: of `thresholds`.

    Returns:
        list of dicts: group, threshold_from, threshold, and `anomaly_evaluation.confusion`'s numbers with dice_low, dice_high
        (interval of the mean Dice a subject).
    """
    rows = []
    for name, part in by_group(heads).items():
        for kind, threshold in limits.get(name, limits[ALL]).items():
            result = judging.confusion(part, threshold, min_pixels=min_pixels)
            interval = judging.dice_interval(result)
            low, high = (interval.low, interval.high) if interval else (np.nan, np.nan)
            rows.append(
                {
                    "group": name,
                    "threshold_from": kind,
                    "threshold": threshold,
                    **{key: value for key, value in result.items() if key != "dices"},
                    "dice_low": low,
                    "dice_high": high,
                    "subjects": len(result["dices"]),
                }
            )
    return rows


def verdict(networks_heads, baseline_heads, *, n=1000, seed=0, together=True):
    """Does a network beat a baseline on the same test heads? A row a group, by pixel AUPRC.

    Args:
        networks_heads, baseline_heads: the same heads with a lesion, scored by either.
        together: whether all kinds of lesions are judged together, too; not where each kind was scored in a way of its own.

    Returns:
        list of dicts: group, auprc, baseline_auprc, difference, low, high (paired bootstrap over subjects), head_difference (mean
        of the differences head by head), better_on (heads on which the network is better), p (exact test of these differences,
        their signs flipped in all ways; Holm over the groups), subjects, says.

    The pixels of all heads together are what the seed judges, and a few large lesions decide it: with few heads its interval is
    too narrow. So a verdict asks for both: an interval that leaves 0 out, and p under 5 % head by head, the same way.
    """
    rows, others = [], by_group(baseline_heads)
    for name, part in by_group(networks_heads).items():
        if name == ALL and not together:
            continue
        ours, theirs = (
            judging.pixel_counter(heads).curves().auprc for heads in (part, others[name])
        )
        low, high = judging.auprc_difference(part, others[name], n=n, seed=seed)
        by_head = [
            np.array(
                [
                    judging.pixel_counter([head]).curves().auprc
                    for head in heads
                    if head.lesion.any()
                ]
            )
            for heads in (part, others[name])
        ]
        apart = by_head[0] - by_head[1]
        rows.append(
            {
                "group": name,
                "auprc": ours,
                "baseline_auprc": theirs,
                "difference": ours - theirs,
                "low": low,
                "high": high,
                "head_difference": float(apart.mean()),
                "better_on": int((apart > 0).sum()),
                "p": _flipped(apart, seed),
                "subjects": len(part),
            }
        )
    for row, p in zip(rows, stats.holm([row["p"] for row in rows])):
        row |= {"p": float(p), "says": _says(row | {"p": p})}
    return rows


def verdict_own_kind(found, table, score, *, n=1000, seed=0):
    """`verdict` where network, score and baseline are chosen for each kind of lesion, on the validation lesions of that kind alone.

    Args:
        found: {detector: what `validate` returned}.
        table: test heads with a lesion; kinds without validation lesions are left out.
        score: function (detector, rows of the table) -> scored heads.

    Returns:
        `verdict`'s rows, without one for all kinds together, with network and baseline, the detectors' names.
    """
    sides, chosen = ([], []), {}
    for group, part in table.groupby("group", sort=False):
        if all(group in groups for groups in found.values()):
            best = choose(found, group=group)
            chosen[group] = (
                next(detector for detector in best.values() if not detector.baseline),
                best[""],
            )
            for heads, detector in zip(sides, chosen[group]):
                heads += score(detector, part)
    rows = verdict(*sides, n=n, seed=seed, together=False)
    return [
        {
            **row,
            **{
                name: detector.name
                for name, detector in zip(("network", "baseline"), chosen[row["group"]])
            },
        }
        for row in rows
    ]


def _flipped(differences, seed):
    """Two-sided p of the mean under flips of signs: exact up to 14 heads, then by 20000 draws."""
    if len(differences) < 2:
        return np.nan
    test = scipy.stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=20_000,
        rng=np.random.default_rng(seed),
        vectorized=True,
    )
    return float(test.pvalue)


def _says(row):
    """A verdict's words."""
    ours, heads = row["difference"], row["subjects"]
    if heads < ENOUGH_HEADS:
        return f"{'above' if ours > 0 else 'below'} the grey value on {heads} head{'s' * (heads > 1)}: too few to decide, {ENOUGH_HEADS} are needed"
    if np.isnan(row["low"]):
        return "not decided: there is no interval, fewer than two of the heads have a lesion"
    if not row["low"] * row["high"] > 0:
        return "not decided: the interval holds 0"
    if row["p"] >= 0.05 or (row["head_difference"] > 0) != (ours > 0):
        return f"not decided: over all pixels the interval leaves 0 out, but head by head p = {row['p']:.2g}, and {row['better_on']} of {heads} heads are better"
    return "the network beats the grey value" if ours > 0 else "the grey value beats the network"


def beside_published(published, levels_table, operating, *, data_source, setting, median=None):
    """Seed 002's tables 5.1 to 5.4 with rows of ours below each: the same columns in per cent, with `data_source` and `setting`.

    Args:
        published: `notebooks/published/anomaly_2022.csv`.
        levels_table, operating: rows of `levels` and `operating_table` with a column detector; may be empty.
        median: side of ours in pixels; with it our Dice stands below table 5.4, too, which compares medians.
    """
    theirs = published.assign(
        data_source="BraTS 2019, ATLAS; trained on IXI and MixedNormals (published)",
        setting="95x79, width 1, 1200 epochs",
    ).rename(columns={"dataset": "lesions"})
    theirs["table"] = theirs["table"].astype(str)
    rows = []
    for row in levels_table.to_dict("records"):
        table = {"sample": "5.1", "slice": "5.2", "pixel": "5.3"}[row["level"]]
        own = [
            one
            for one in operating.to_dict("records")
            if row["level"] == "pixel"
            and (one["detector"], one["group"]) == (row["detector"], row["group"])
        ]
        point = next(
            (one for one in own if one["threshold_from"] == "own lesions"), next(iter(own), {})
        )
        dices = {
            name: 100 * point.get(name, np.nan)
            for name in ("dice_total", "dice_subject", "dice_subject_std")
        }
        about = {"level": row["level"], "lesions": row["group"], "model": row["detector"]}
        rows.append(
            {
                "table": table,
                **about,
                **{name: 100 * row[name] for name in ("auroc", "auprc", "prevalence")},
                **dices,
            }
        )
        if point and median is not None:
            rows.append({"table": "5.4", **about, "median_filter": median, **dices})
    together = (
        pd.concat(
            [theirs, pd.DataFrame(rows).assign(data_source=data_source, setting=setting)],
            ignore_index=True,
        )
        if rows
        else theirs
    )
    return together.sort_values("table", kind="stable").reset_index(drop=True)
