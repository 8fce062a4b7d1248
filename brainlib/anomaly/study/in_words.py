"""Sentences about a study that are true of the run at hand: worded from its tables."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd

from brainlib.anomaly.study.people import StudyHeads
from brainlib.anomaly.study.verdicts import DECIDED, ENOUGH_HEADS, verdict_words

NO_TEST_LESIONS = (
    "*Left out: these data have no test lesion with a mask, so there is nothing to find here.*"
)
NO_VALIDATION_LESIONS = (
    "*Left out: these data have no validation lesion with a mask, so nothing can be chosen.*"
)


def heads_in_words(heads: StudyHeads) -> str:
    """How many heads are ready, of whom, and what did not fit."""
    groups = heads.people.group.value_counts(sort=False)
    kinds = ", ".join(f"{number} {group}" for group, number in groups.items())
    return f"**{len(heads.people)} heads** are ready: {kinds}. Left out: {len(heads.faults)}."


def lesions_in_words(heads: StudyHeads) -> str:
    """What these lesions allow to choose and to judge."""
    sentences = [_what_can_be_judged(heads)]
    unmasked = pd.concat([heads.unmasked(part) for part in ("validation", "test")])
    if len(unmasked):
        sentences.append(
            f"{len(unmasked)} ill head{_s(unmasked)} without a lesion mask: judged by head alone, "
            "left out where slices, pixels or lesions are counted."
        )
    lost = heads.without_lesion_at_size()
    if lost:
        sentences.append(
            f"Nothing of the lesion mask is left at the network's size in {', '.join(lost)}: an "
            "empty file, a lesion outside of the box, or one smaller than half a pixel."
        )
    return " ".join(sentences)


def _what_can_be_judged(heads: StudyHeads) -> str:
    validation, test = (heads.lesions(part) for part in ("validation", "test"))
    if not len(test):
        return (
            "**There are no test lesions with a mask.** Nothing below can say how well lesions "
            "are found. What remains: how often healthy people are called ill, and how much of a "
            "planted lesion each network paints back."
        )
    if not len(validation):
        return (
            "**There are test lesions but no validation lesions.** Score and sign are not chosen "
            "but fixed (*absolute*), and the threshold is the one that calls 5 % of healthy "
            "validation pixels ill."
        )
    chosen_on = ", ".join(f"{n} {group}" for group, n in validation.group.value_counts().items())
    judged_on = ", ".join(f"{n} {group}" for group, n in test.group.value_counts().items())
    return (
        f"Score, sign and threshold are chosen on **{len(validation)} validation "
        f"head{_s(validation)}** ({chosen_on}) and judged on **{len(test)} test head{_s(test)}** "
        f"({judged_on})."
    )


def _s(rows: pd.DataFrame) -> str:
    return "" if len(rows) == 1 else "s"


def _percent(share: float, decimals: int = 0) -> str:
    return f"{100 * share:.{decimals}f} %"


def reach_in_words(reach: pd.DataFrame) -> str:
    """How much of the lesions can be found at all, a line for each kind."""
    lines = []
    for group, part in reach.groupby("group", sort=False):
        lines.append(
            f"- {group}: {_percent(part.in_mask.mean())} of a lesion lies in the brain mask, "
            f"{_percent(part.in_eroded_mask.mean())} in the eroded one (least in one head: "
            f"{_percent(part.in_eroded_mask.min())}). No score finds more."
        )
    return "\n".join(lines)


def training_in_words(heads: StudyHeads, train: int, validation: int) -> str:
    """How many slices train and validate in the first round, and of how many rounds that is."""
    rounds = len(heads.rounds)
    which = "the only round" if rounds == 1 else f"the first of {rounds} rounds"
    people = [len(heads.healthy(part)) for part in ("train", "validation")]
    return (
        f"*{heads.first.name}*, {which}: **{train} slices** of {people[0]} healthy people train, "
        f"{validation} slices of {people[1]} validate."
    )


def best_map_in_words(table: pd.DataFrame) -> str:
    """Which score of a single slice has the largest AUPRC, beside the grey value's best."""
    grey = table[table.score.str.startswith("grey value")].auprc.max()
    residuals = table[~table.score.str.startswith(("grey value", "chance"))]
    best = residuals.loc[residuals.auprc.idxmax()]
    comparison = "more" if best.auprc > grey else "not more"
    return (
        f"On this slice the best residual is *{best.score}* (AUPRC {best.auprc:.3f}), "
        f"**{comparison}** than the grey value alone reaches ({grey:.3f}). Chance gives "
        f"{best.prevalence:.3f}."
    )


def elsewhere_in_words(table: pd.DataFrame) -> str:
    """What a threshold of one slice did on others; table: of `threshold_on_other_heads`."""
    here, others = table.iloc[0], table.iloc[1:]
    said = [f"On the slice that the threshold is from, Dice is **{here.dice:.2f}**."]
    ill, healthy = others[others.dice.notna()], others[others.dice.isna()]
    for row in ill.itertuples():
        said.append(f"On {row.head} it is {row.dice:.2f}, where {row.best_dice:.2f} was possible.")
    if not len(ill):
        said.append("No other validation head of these data has a lesion.")
    if len(healthy):
        shares = sorted({f"{share:.1f}" for share in healthy.called_percent}, key=float)
        share = " to ".join(dict.fromkeys([shares[0], shares[-1]]))
        said.append(f"Of healthy brains it calls {share} %, all of it false.")
    return " ".join(said)


def verdict_findings(table: pd.DataFrame) -> Iterator[tuple[str, Mapping]]:
    """(claim, finding) of each row of a verdict table, as `run.finding` takes them.

    "shown" asks for both: an interval that leaves 0 out and p under 5 % head by head.
    """
    if not len(table):
        words = "these data have no lesions to decide it on."
        yield "A network finds more than the grey value", {"verdict": UNDECIDED, "words": words}
    for row in table.to_dict("records"):
        claim = f"{row['group'].capitalize()}: {row['network']} finds more than the grey value"
        yield claim, {"verdict": _verdict(row), "words": verdict_words(row), **row}


UNDECIDED = "too few to decide"


def _verdict(row: Mapping) -> str:
    if row["subjects"] < ENOUGH_HEADS:
        return UNDECIDED
    return "shown" if row["says"] == DECIDED else "not shown"


def false_alarms_in_words(summary: pd.DataFrame, *, wanted: float = 0.05) -> str:
    """What became of a share of false alarms on other people, a line for each detector."""
    lines = []
    for row in summary[summary.wanted == wanted].itertuples():
        interval = "" if np.isnan(row.low) else f" [{100 * row.low:.1f}, {100 * row.high:.1f}]"
        lines.append(
            f"- {row.detector}: wanted {_percent(wanted)}, found **{_percent(row.found, 1)}**"
            f"{interval} on {row.subjects} people, {_percent(row.worst_subject, 1)} in the worst "
            "of them"
        )
    return "\n".join(lines)


def sites_in_words(control: pd.DataFrame) -> str:
    """Whether a scanner shows in the scores of healthy heads, as far as so few heads can say."""
    if not len(control):
        return ""
    seen = control[control.p_holm < 0.05]
    if len(seen):
        names = ", ".join(f"{row.detector} ({row.site})" for row in seen.itertuples())
        return f"**A scanner shows** in healthy heads, after Holm's correction: {names}."
    if control.p_smallest.min() > 0.05:
        return (
            "With so few heads nothing could have been found: even if all heads of one site were "
            f"above the others, p would be {control.p_smallest.min():.2f}. That is no proof that "
            "the scanner does not show."
        )
    return "No difference between sites is shown here. That is no proof that there is none."


def copying_in_words(copying: pd.DataFrame) -> str:
    """Whether the network that rebuilds healthy slices best also copies most."""
    networks = copying[copying.healthy_mse.notna() & (copying.healthy_mse > 0)]
    sharpest = networks.loc[networks.healthy_mse.idxmin()]
    copier = networks.loc[networks.painted_back.idxmax()]
    sentence = (
        f"Here *{sharpest.model}* rebuilds healthy slices best (mean squared error "
        f"{sharpest.healthy_mse:.4f})."
    )
    share = _percent(copier.painted_back, 1)
    if sharpest.model == copier.model:
        return f"{sentence} It also paints back more of a planted lesion than the others: {share}."
    back = f"*{copier.model}*: {share} of a planted lesion"
    return f"{sentence} The network that paints back most is {back}."


def latents_in_words(errors: pd.DataFrame) -> str:
    """How errors change from the smallest to the largest code, and their ratio."""
    if not len(errors):
        return ""
    means = errors.groupby("latent_dim")[["l2_outside", "l2_ratio"]].mean()
    if len(means) < 2:
        return "*One size of code only: `latent_dims` gives others to compare with.*"
    small, large = means.index.min(), means.index.max()
    first, last = means.loc[small], means.loc[large]
    change = "smaller" if last.l2_outside < first.l2_outside else "not smaller"
    sentence = (
        f"With {large} numbers instead of {small} the error outside of lesions is **{change}**: "
        f"{last.l2_outside:.4f} against {first.l2_outside:.4f}."
    )
    if np.isnan(last.l2_ratio):
        return sentence
    ratio = "larger" if last.l2_ratio > first.l2_ratio else "not larger"
    return (
        f"{sentence} The ratio of the errors in and outside of lesions is **{ratio}**: "
        f"{last.l2_ratio:.2f} against {first.l2_ratio:.2f}."
    )


def healing_in_words(healing: pd.DataFrame) -> str:
    """The restoration that heals most, beside doing nothing."""
    if not len(healing):
        return ""
    means = healing.groupby(["model", "way"])[["healed", "spoilt_outside"]].mean()
    means = means.drop(index="", level="model").reset_index()
    best = means.loc[means.healed.idxmax()]
    verdict = (
        "heals more than doing nothing, on average"
        if best.healed > 0
        else "heals nothing: doing nothing leaves a smaller error in the lesion"
    )
    return (
        f"Best here: *{best.model}*, {best.way}, healed {best.healed:.2f} (1: all, 0: as ill as "
        f"before). So it {verdict}; the rest of the brain changed by {best.spoilt_outside:.3f} "
        f"grey values."
    )


def winners_in_words(table: pd.DataFrame) -> dict[str, str]:
    """{group: what its verdict says}, for the results of a run."""
    return {row.group: row.says for row in table.itertuples()}
