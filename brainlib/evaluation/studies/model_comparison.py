"""Every model on every test person, beside doing nothing and simple references."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

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

Rebuild = Callable[[np.ndarray], np.ndarray]  # inputs (n, H, W, 1) -> outputs of that shape
Reference = Callable[[np.ndarray], Rebuild]  # learns from training slices
Inputs = Sequence[str] | Mapping[str, corruptions.Preset]
MOST_KNOWN = 1500  # training slices that a reference learns from, about
BATCH = 256  # slices in memory at a time
MEASURED_ON = ("picture", "brain")
CLEAN = "clean pictures"
RULERS = {"dssim": ("lower", "DSSIM"), "psnr": ("higher", "dB")}  # what is better, and the unit


@dataclass(frozen=True)
class ModelComparison:
    """What is compared: doing nothing first, then references, filters, networks.

    Attributes:
        slices: of `open_slices`.
        references: {name: function of training slices that gives a function inputs -> outputs},
            all (n, H, W, 1).
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

    def makers(self, one_round: Round) -> dict[str, list[Rebuild]]:
        """What makes outputs of inputs: {model: one function per random seed}, loaded once."""
        if one_round.name not in self._loaded:
            known = training_pictures(self.slices, one_round)
            found = {DOING_NOTHING: [np.asarray]}
            for name, reference in self.references.items():
                found[name] = [reference(known)]
            for name, restore in self.filters.get(one_round.name, {}).items():
                found[name] = [restore]
            for name, network in self.networks.items():
                trainings = network.of_round(one_round.name)
                found[name] = [partial(models.reconstruct, model) for model in trainings]
            self._loaded[one_round.name] = found
        return self._loaded[one_round.name]

    @cached_property
    def _loaded(self) -> dict[str, dict[str, list[Rebuild]]]:
        return {}

    def quality(
        self,
        inputs: Inputs,
        *,
        slices_per_person: int = 0,
        measured_on: str = "picture",
        only: Collection[str] | None = None,
    ) -> pd.DataFrame:
        """Every metric of every model, test slice and corruption; one row each.

        The models of a round see that round's test people alone. Several random seeds count as one
        number per slice, their mean: a random seed is no person. Slices pass in batches, so memory
        does not grow with their number.

        Args:
            inputs: corruptions: names of presets, or {name: `Preset`}; "none" is the clean slice.
            slices_per_person: at most, evenly spread; 0 for all.
            measured_on: "picture", or "brain": the brain mask's pixels alone.
            only: names of models; all when absent.

        Returns:
            `row`, `subject`, `slice`, `position` (0 to 1 along the head), `round`, `model`,
            `corruption`, `random_seeds` (how many), mse, dssim, ssim, psnr (dB; NaN for an
            untouched input, where it is infinite).
        """
        if measured_on not in MEASURED_ON:
            raise ValueError(f"measured_on: expected picture or brain, got {measured_on!r}.")
        presets = inputs if isinstance(inputs, Mapping) else {name: name for name in inputs}
        parts = []
        for one_round in self.slices.rounds:
            makers = self._some_makers(one_round, only)
            for table in batches_of(self.test_slices(one_round, slices_per_person)):
                for corruption, preset in presets.items():
                    known = {"round": one_round.name, "corruption": corruption}
                    part = self._measured(table, preset, makers, measured_on)
                    parts.append(part.assign(**known))
        scores = pd.concat(parts, ignore_index=True)
        return _in_order(scores.assign(psnr=scores.psnr.replace(np.inf, np.nan)), self.names)

    def _some_makers(self, one_round, only):
        makers = self.makers(one_round)
        return makers if only is None else {name: makers[name] for name in only}

    def _measured(self, table, preset, makers, measured_on) -> pd.DataFrame:
        """Metrics of one batch of slices under one corruption, model after model."""
        target = self.slices.pictures(table)
        mask = self.slices.brain_pictures(table) if measured_on == "brain" else None
        shown = table[["row", "subject", "slice"]].reset_index(drop=True)
        shown["position"] = position_in_head(table).to_numpy()
        inputs = self._corrupted(table, preset)
        parts = []
        for name, several in makers.items():
            outputs = (make(inputs) for make in several)
            metrics_of = _mean_of_random_seeds(target, outputs, mask)
            part = shown.assign(model=name, random_seeds=len(several))
            parts.append(part.join(metrics_of))
        return pd.concat(parts, ignore_index=True)

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
        pictures = {"original": self.slices.pictures(chosen)}
        pictures |= self.outputs_of(self._corrupted(chosen, corruption))
        return pictures, self.slices.titles(chosen)

    def outputs_of(self, inputs: np.ndarray) -> dict[str, np.ndarray]:
        """What the first training of each model of the first round makes of inputs (n, H, W, 1)."""
        return {
            name: several[0](inputs) for name, several in self.makers(self.slices.first).items()
        }

    def _corrupted(self, table: pd.DataFrame, preset: str | corruptions.Preset) -> np.ndarray:
        target = self.slices.pictures(table)
        return corruptions.corrupt(target, preset, seed=self.seed, indices=table.row.to_numpy())

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

    def means(self, scores: pd.DataFrame) -> pd.DataFrame:
        """Means over people, one row per corruption and model in the order of `names`.

        Args:
            scores: of `quality`.

        Returns:
            `corruption`, `model`, `mse`, `dssim`, `ssim`, `psnr`; the PSNR of an untouched input,
            which is infinite, is NaN.
        """
        groups = ["corruption", "model"]
        people = scores.groupby([*groups, "subject"], sort=False)[list(METRICS)].mean()
        return people.groupby(level=groups, sort=False).mean().reset_index()

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


def batches_of(table: pd.DataFrame, size: int = BATCH) -> Iterator[pd.DataFrame]:
    """The rows of a table, so many at a time."""
    for start in range(0, len(table), size):
        yield table.iloc[start : start + size]


def position_in_head(table: pd.DataFrame) -> pd.Series:
    """Where slices lie along their axis: 0 is the first slice of the head, 1 the last one.

    Args:
        table: rows of `SplitSlices.index`.
    """
    return table.slice / (table.slices - 1).clip(lower=1)


def _in_order(scores: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Corruptions in the order in which they came, in each the models in the order of tables."""
    keys = {"corruption": list(scores.corruption.unique()), "model": list(names)}
    order = [pd.Categorical(scores[name], values).codes for name, values in keys.items()]
    rounds = pd.Categorical(scores["round"], scores["round"].unique()).codes
    return scores.iloc[np.lexsort((order[1], order[0], rounds))].reset_index(drop=True)


def _mean_of_random_seeds(
    target: np.ndarray, several: Iterable[np.ndarray], mask: np.ndarray | None
) -> pd.DataFrame:
    """Metrics of each slice, meaned over the outputs of several trainings."""
    tables = [pd.DataFrame(metrics.measure(target, output, mask=mask)) for output in several]
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
