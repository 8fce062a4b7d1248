"""Every model on every test person, beside doing nothing and simple references."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from brainlib import metrics, models
from brainlib.evaluation import stats
from brainlib.evaluation.studies.classical import Filters
from brainlib.evaluation.studies.quality import METRICS
from brainlib.evaluation.studies.restoration import DOING_NOTHING
from brainlib.evaluation.studies.saved_networks import Network
from brainlib.evaluation.studies.split_slices import Round, SplitSlices
from brainlib.slices import corruptions

Reference = Callable[[np.ndarray, np.ndarray], np.ndarray]
MOST_KNOWN = 1500  # training slices that a reference learns from, about
CLEAN = "clean pictures"
RULERS = {"dssim": ("lower", "DSSIM"), "psnr": ("higher", "dB")}  # what is better, and the unit


@dataclass(frozen=True)
class ModelComparison:
    """What is compared: doing nothing first, then references, filters, networks.

    Attributes:
        slices: of `open_slices`.
        references: {name: function of (training slices, inputs) -> outputs}, all (n, H, W, 1).
        networks: {name: `Network`}.
        seed: of the corruptions and of the bootstrap.
        filters: of `chosen_filters`.
    """

    slices: SplitSlices
    references: Mapping[str, Reference]
    networks: Mapping[str, Network]
    seed: int = 0
    filters: Filters = field(default_factory=dict)

    @property
    def filter_names(self) -> list[str]:
        """Of the classical filters."""
        return list(self.filters.get(self.slices.first.name, {}))

    @property
    def names(self) -> list[str]:
        """Of all, in the order of the tables."""
        return [DOING_NOTHING, *self.references, *self.filter_names, *self.networks]

    @cached_property
    def training(self) -> dict[str, dict]:
        """How each was trained: what makes two rows of a table alike or unlike."""
        known = {DOING_NOTHING: {"trained_on": ""}}
        known |= {name: {"trained_on": CLEAN} for name in self.references}
        known |= {name: {"trained_on": "strength only"} for name in self.filter_names}
        return known | {name: network.training for name, network in self.networks.items()}

    def table(self) -> pd.DataFrame:
        """One row per model: how it was trained, and with how many random seeds."""
        rows = []
        for name in self.names:
            network = self.networks.get(name)
            trainings = len(network.random_seeds) if network else 1
            rows.append({"model": name, **self.training[name], "random_seeds": trainings})
        return pd.DataFrame(rows)

    def test_slices(self, one_round: Round, slices_per_person: int = 0) -> pd.DataFrame:
        """Test slices of a round, evenly spread over each person; all of them for 0."""
        count = slices_per_person or len(self.slices.index)
        people = [self.slices.spread([person], count) for person in one_round.test]
        return pd.concat(people)

    def outputs(self, one_round: Round, inputs: np.ndarray) -> dict[str, list[np.ndarray]]:
        """What each model makes of inputs (n, H, W, 1): one array per random seed."""
        known = training_pictures(self.slices, one_round)
        found = {DOING_NOTHING: [inputs]}
        for name, reference in self.references.items():
            found[name] = [reference(known, inputs)]
        for name, restore in self.filters.get(one_round.name, {}).items():
            found[name] = [restore(inputs)]
        for name, network in self.networks.items():
            trainings = network.of_round(one_round.name)
            found[name] = [models.reconstruct(model, inputs) for model in trainings]
        return found

    def quality(
        self, corruption_names: Sequence[str], *, slices_per_person: int = 0
    ) -> pd.DataFrame:
        """Every metric of every model, test slice and corruption; one row each.

        The models of a round see that round's test people alone. Several random seeds count as one
        number per slice, their mean: a random seed is no person.

        Args:
            corruption_names: of presets; "none" is the clean slice.
            slices_per_person: at most, evenly spread; 0 for all.

        Returns:
            `row`, `subject`, `slice`, `round`, `model`, `corruption`, `random_seeds` (how many),
            mse, dssim, ssim, psnr (dB; NaN for an untouched input, where it is infinite).
        """
        parts = []
        for one_round in self.slices.rounds:
            table = self.test_slices(one_round, slices_per_person)
            target = self.slices.pictures(table)
            shown = table[["row", "subject", "slice"]].reset_index(drop=True)
            for corruption in corruption_names:
                inputs = self._corrupted(table, corruption)
                for name, several in self.outputs(one_round, inputs).items():
                    known = {"round": one_round.name, "model": name, "corruption": corruption}
                    part = shown.assign(**known, random_seeds=len(several))
                    parts.append(part.join(_mean_of_random_seeds(target, several)))
        scores = pd.concat(parts, ignore_index=True)
        return scores.assign(psnr=scores.psnr.replace(np.inf, np.nan))

    def examples(
        self, corruption: str, count: int, *, slices_per_person: int = 0
    ) -> tuple[dict[str, np.ndarray], list[str]]:
        """Some test slices of the first round, and what the first training of each model makes.

        Args:
            corruption: of the inputs.
            count: of slices.
            slices_per_person: as in `quality`.

        Returns:
            ({"original" or a model's name: (count, H, W, 1)}, titles of the slices).
        """
        first = self.slices.first
        table = self.test_slices(first, slices_per_person)
        chosen = table.iloc[np.linspace(0, len(table) - 1, count).astype(int)]
        outputs = self.outputs(first, self._corrupted(chosen, corruption))
        pictures = {"original": self.slices.pictures(chosen)}
        pictures |= {name: several[0] for name, several in outputs.items()}
        return pictures, self.slices.titles(chosen)

    def _corrupted(self, table: pd.DataFrame, corruption: str) -> np.ndarray:
        target = self.slices.pictures(table)
        return corruptions.corrupt(target, corruption, seed=self.seed, indices=table.row.to_numpy())

    def summary(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Each metric over people, with a 95 % interval, and how the model was trained.

        Args:
            scores: of `quality`.

        Returns:
            One row per corruption, model and metric: `mean`, `low`, `high`, `sd`, `smallest`,
            `largest` over people, `n` (people), `slices`, `random_seeds`, and `training`'s.
        """
        rows = []
        for (corruption, model), part in scores.groupby(["corruption", "model"], sort=False):
            for metric in METRICS:
                known = part[part[metric].notna()]
                if len(known):
                    condition = {"corruption": corruption, "model": model, "metric": metric}
                    numbers = _over_people(known, metric, self.seed)
                    rows.append({**condition, **numbers, **self.training[model]})
        return pd.DataFrame(rows)

    def against(self, scores: pd.DataFrame, rivals: Mapping[str, str]) -> pd.DataFrame:
        """Each network against a rival, person by person, by DSSIM and by PSNR.

        The intervals of one corruption and metric hold together (Bonferroni): with m networks each
        has the level 1 - 0.05 / m.

        Args:
            scores: of `quality`.
            rivals: {corruption: name of a model}.

        Returns:
            One row per corruption, metric and network: `corruption`, `metric`, `model`, `rival`,
            `gain` (the difference, positive where the network is better), and `stats.finding`'s
            columns on the claim that it is.
        """
        level = 1 - 0.05 / max(1, len(self.networks))
        rows = []
        for corruption, rival in rivals.items():
            for metric, (better, unit) in RULERS.items():
                wide = _by_slice(scores, corruption, metric)
                people = wide.index.get_level_values("subject")
                for name in self.networks:
                    paired = stats.paired_difference(wide[name], wide[rival], people, level=level)
                    known = {"corruption": corruption, "metric": metric, "model": name}
                    known["rival"] = "doing nothing" if rival == DOING_NOTHING else rival
                    sign = 1 if better == "higher" else -1
                    known["gain"] = sign * paired.difference
                    options = {"a": name, "b": known["rival"], "better": better, "unit": unit}
                    rows.append({**known, **stats.finding(paired, **options)})
        return pd.DataFrame(rows)

    def comparisons(self, scores: pd.DataFrame) -> pd.DataFrame:
        """DSSIM of every pair of models on the same slices, all corruptions corrected together.

        Doing nothing, the first reference (the plainest) and the filters are left out: each more
        row makes the correction stricter for all.

        Args:
            scores: of `quality`.

        Returns:
            One row per corruption and pair, see `stats.compare_all`; `alike` says whether both
            were trained alike.
        """
        left_out = (DOING_NOTHING, *self._plainest, *self.filter_names)
        names = [name for name in self.names if name not in left_out]
        rows = []
        for corruption in scores.corruption.unique():
            wide = _by_slice(scores, corruption)
            values = {name: wide[name].to_numpy() for name in names}
            for pair in stats.compare_all(values, wide.index.get_level_values("subject")):
                rows.append({"corruption": corruption, **pair})
        table = pd.DataFrame(rows)
        for name in ("p_t", "p_wilcoxon", "p_slices"):
            table[f"{name}_holm"] = stats.holm(table[name])
        alike = [self.training[row.a] == self.training[row.b] for row in table.itertuples()]
        return table.assign(alike=alike)

    @property
    def _plainest(self) -> list[str]:
        return list(self.references)[:1]


def training_pictures(slices: SplitSlices, one_round: Round) -> np.ndarray:
    """Training slices (n, H, W, 1) that a reference learns from: every so-many-th."""
    table = slices.of(one_round.train)
    return slices.pictures(table.iloc[:: max(1, len(table) // MOST_KNOWN)])


def _mean_of_random_seeds(target: np.ndarray, several: Sequence[np.ndarray]) -> pd.DataFrame:
    """Metrics of each slice, meaned over the outputs of several trainings."""
    tables = [pd.DataFrame(metrics.measure(target, output)) for output in several]
    return pd.concat(tables).groupby(level=0).mean()


def _over_people(scores: pd.DataFrame, metric: str, seed: int) -> dict[str, float]:
    interval = stats.bootstrap_interval(scores[metric], scores.subject, seed=seed)
    means = scores.groupby("subject")[metric].mean()
    return {
        "mean": interval.mean,
        "low": interval.low,
        "high": interval.high,
        "sd": means.std(ddof=1),
        "smallest": means.min(),
        "largest": means.max(),
        "n": len(means),
        "slices": len(scores),
        "random_seeds": int(scores.random_seeds.max()),
    }


def _by_slice(scores: pd.DataFrame, corruption: str, metric: str = "dssim") -> pd.DataFrame:
    """One row per slice (subject, row), one column per model."""
    part = scores[scores.corruption == corruption]
    return part.pivot_table(index=["subject", "row"], columns="model", values=metric)
