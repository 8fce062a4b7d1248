"""A detector is a network and a way to ask it; `Scoring` has all that it needs to score heads.

Thesis 002 compares three networks by one residual (section 4.2.4); here each network is asked in
every way that it can answer, and the grey value itself stands beside them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import keras
import pandas as pd

from brainlib.anomaly import scores
from brainlib.anomaly.head_maps import score_prepared
from brainlib.anomaly.measures import ScoredHead
from brainlib.anomaly.model_records import MapRecipe
from brainlib.anomaly.preparation import Prepared

ALL = "all lesions"  # the group of all pathologies together


class Detector(NamedTuple):
    """A way to score: a model's name ("" for the baselines) and a method of `scores.METHODS`."""

    model: str
    method: str

    @property
    def name(self) -> str:
        """As tables and figures have it."""
        return f"{self.model} {self.method}".strip().replace("_", " ")

    @property
    def baseline(self) -> bool:
        """Whether no network is asked."""
        return not self.model


BASELINES = tuple(Detector("", method) for method in scores.BASELINES)


def possible_detectors(
    networks: Mapping[str, keras.Model], methods: Sequence[str]
) -> list[Detector]:
    """Both baselines, then all pairs of a network and a method that it can answer.

    Args:
        networks: {name: model}.
        methods: of `scores.METHODS`; baselines among them make no difference.
    """
    unknown = sorted(set(methods) - set(scores.METHODS))
    if unknown:
        raise ValueError(
            f"methods: expected some of {', '.join(scores.METHODS)}, got {', '.join(unknown)}."
        )
    asked_of_networks = [method for method in methods if method not in scores.BASELINES]
    pairs = [
        Detector(name, method)
        for name, model in networks.items()
        for method in asked_of_networks
        if scores.is_applicable(method, model)
    ]
    without = sorted(set(networks) - {detector.model for detector in pairs})
    if without:
        raise ValueError(
            f"methods: expected at least one that {', '.join(without)} can answer, such as "
            f"absolute; got {', '.join(methods) or 'none'}."
        )
    return [*BASELINES, *pairs]


@dataclass(frozen=True)
class Scoring:
    """All that a detector needs to score heads.

    Attributes:
        networks: {name: model}.
        prepared: {subject: `Prepared`}.
        post: options of `scores.post_process`; None leaves it out.
        options: {method: its options}, or {(model, method): its options}, such as the prior of a
            model's codes.
    """

    networks: Mapping[str, keras.Model]
    prepared: Mapping[str, Prepared]
    post: Mapping | None = None
    options: Mapping[Any, Mapping] = field(default_factory=dict)

    def recipe(self, detector: Detector) -> MapRecipe:
        """How the maps of a detector are made."""
        options = {
            **self.options.get(detector.method, {}),
            **self.options.get((detector.model, detector.method), {}),
        }
        return MapRecipe(detector.method, options, self.post)

    def score(
        self, detector: Detector, table: pd.DataFrame, *, resolution: str = "network"
    ) -> list[ScoredHead]:
        """Heads scored by a detector, in the table's order.

        Args:
            detector: of these networks, or a baseline.
            table: rows with subject, group, site; those that were not prepared are left out.
            resolution: see `score_prepared`.
        """
        model, recipe = self.networks.get(detector.model), self.recipe(detector)
        heads = []
        for row in table[table.subject.isin(self.prepared)].itertuples():
            scored = score_prepared(
                model, self.prepared[row.subject], recipe, resolution=resolution
            )
            heads.append(ScoredHead(row.subject, row.group, row.site, *scored))
        return heads


def group_heads(heads: Iterable[ScoredHead]) -> dict[str, list[ScoredHead]]:
    """{group: its ill heads}, and all of them under `ALL` where there are several groups."""
    ill = [head for head in heads if head.ill]
    names = dict.fromkeys(head.group for head in ill)
    groups = {name: heads_of_group(ill, name) for name in names}
    return {**groups, ALL: ill} if len(groups) > 1 else groups


def heads_of_group(heads: Iterable[ScoredHead], group: str) -> list[ScoredHead]:
    """The heads of a group, or all for `ALL`."""
    return [head for head in heads if group in (head.group, ALL)]


def detector_table(
    rows: Mapping[Detector, Sequence[dict]], columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Rows of several detectors as one table, the detector's name in its first column.

    Args:
        rows: {detector: its rows}.
        columns: of the table, where there may be no rows.
    """
    named = []
    for detector, own in rows.items():
        named += [{"detector": detector.name, **row} for row in own]
    return pd.DataFrame(named, columns=columns)
