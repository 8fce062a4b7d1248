"""How much a leak flatters: the same pictures rebuilt after a division by person and by slice.

draw = leak.draw(people, random_seed=[0, 0])
errors = leak.errors_by_person(pixels, people, seed=0)
table = leak.flattery(errors)

Without TensorFlow: the models are principal components and memory.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

from brainlib.evaluation import stats

DIVISIONS = ("by subject", "by slice")
MODELS = {  # column of the errors -> what rebuilds the pictures, from no memory to nothing else
    "mean_mse": "Mean training picture",
    "pca_mse": "PCA",
    "nearest_mse": "Nearest training picture",
}
COMPONENTS = 48


@dataclass(frozen=True)
class Draw:
    """One draw of the experiment. All three are places among the pictures.

    Attributes:
        rebuilt: pictures of the test people that both trainings have to rebuild.
        by_person: a training without any picture of the test people.
        by_slice: one of the same size that has seen the other half of the test people's pictures.
    """

    rebuilt: np.ndarray
    by_person: np.ndarray
    by_slice: np.ndarray

    @property
    def trainings(self) -> dict[str, np.ndarray]:
        """The two trainings by the names that tables give them."""
        return dict(zip(DIVISIONS, (self.by_person, self.by_slice)))


def draw(people: ArrayLike, random_seed: int | Sequence[int], *, share: float = 0.2) -> Draw:
    """Draws test people, and lets half of their pictures into one of two trainings.

    Args:
        people: (N,) whose picture each is.
        random_seed: of the draw.
        share: of the people who are tested; one at least.
    """
    people = np.asarray(people)
    names = np.unique(people)
    rng = np.random.default_rng(random_seed)
    tested = rng.permutation(names)[: max(1, round(share * len(names)))]
    test = np.flatnonzero(np.isin(people, tested))
    others = np.flatnonzero(~np.isin(people, tested))
    leaked = rng.permutation(test)[: len(test) // 2]
    kept_others = rng.permutation(others)[: len(others) - len(leaked)]
    by_slice = np.concatenate([kept_others, leaked])
    return Draw(np.setdiff1d(test, leaked), others, by_slice)


def slices_of(
    index: pd.DataFrame, images: np.ndarray, people: Collection[str], *, seed: int, most: int = 1500
) -> tuple[np.ndarray, np.ndarray]:
    """Slices of these people, a random part of them where there are more than `most`.

    Args:
        index: one row per stored slice: `row` (its place among the images), `subject`.
        images: (N, H, W, 1) as stored.
        people: whose.
        seed: of the part.
        most: slices at most.

    Returns:
        (pictures (n, H, W, 1), whose they are (n,)).
    """
    table = index[index.subject.isin(people)]
    if len(table) > most:
        chosen = np.random.default_rng(seed).choice(len(table), most, replace=False)
        table = table.iloc[np.sort(chosen)]
    return np.asarray(images[table.row.to_numpy()]), table.subject.to_numpy()


def fit_components(pixels: np.ndarray, *, components: int = COMPONENTS, seed: int = 0) -> PCA:
    """PCA of flat pictures (N, P), with fewer components where the pictures are fewer."""
    count = min(components, len(pixels) - 1, pixels.shape[1])
    return PCA(count, svd_solver="randomized", random_state=seed).fit(pixels)


def nearest_pictures(pca: PCA, train: np.ndarray, rebuilt: np.ndarray) -> np.ndarray:
    """Place of the training picture that is nearest to each, in the numbers of the PCA.

    Args:
        pca: of `fit_components`.
        train: (N, P) flat pictures.
        rebuilt: (M, P).

    Returns:
        (M,) places among `train`.
    """
    neighbours = NearestNeighbors(n_neighbors=1).fit(pca.transform(train))
    return neighbours.kneighbors(pca.transform(rebuilt), return_distance=False)[:, 0]


def nearest_answers(
    pictures: np.ndarray, drawn: Draw, *, count: int = 6, seed: int = 0
) -> dict[str, np.ndarray]:
    """Some pictures to rebuild, and what is nearest to them in either training, as rows.

    Args:
        pictures: (N, H, W, 1).
        drawn: of `draw`.
        count: pictures in a row, evenly spread.
        seed: of the PCA.

    Returns:
        {name of the row: (count, H, W, 1)}.
    """
    spread = np.linspace(0, len(drawn.rebuilt) - 1, min(count, len(drawn.rebuilt)))
    wanted = pictures[drawn.rebuilt[spread.astype(int)]]
    rows = {"to rebuild": wanted}
    for divided, places in drawn.trainings.items():
        train = pictures[places].reshape(len(places), -1)
        pca = fit_components(train, seed=seed)
        nearest = nearest_pictures(pca, train, wanted.reshape(len(wanted), -1))
        rows[f"nearest, divided {divided}"] = pictures[places[nearest]]
    return rows


def same_person_percent(
    pictures: np.ndarray, people: ArrayLike, drawn: Draw, *, seed: int = 0
) -> float:
    """Of how many rebuilt slices the nearest picture, after the leak, shows the same person.

    Args:
        pictures: (N, H, W, 1).
        people: (N,) whose they are.
        drawn: of `draw`.
        seed: of the PCA.
    """
    flat, people = pictures.reshape(len(pictures), -1), np.asarray(people)
    train = flat[drawn.by_slice]
    nearest = nearest_pictures(fit_components(train, seed=seed), train, flat[drawn.rebuilt])
    same = people[drawn.by_slice[nearest]] == people[drawn.rebuilt]
    return 100 * float(same.mean())


def errors_by_person(
    pixels: np.ndarray,
    people: ArrayLike,
    *,
    seed: int,
    draws: int = 5,
    components: int = COMPONENTS,
) -> pd.DataFrame:
    """The experiment, several times: mean squared errors of each test person, both divisions.

    Args:
        pixels: (N, P) flat pictures.
        people: (N,) whose they are.
        seed: of the draws and of the PCA.
        draws: number of draws.
        components: of the PCA.

    Returns:
        One row per draw, division and test person: `repeat`, `divided`, `subject`, `pictures`
        and the columns of `MODELS`.
    """
    people = np.asarray(people)
    rows = []
    for repeat in range(draws):
        drawn = draw(people, [seed, repeat])
        for divided, places in drawn.trainings.items():
            errors = _errors(pixels[places], pixels[drawn.rebuilt], components, seed)
            errors = errors.assign(subject=people[drawn.rebuilt], pictures=1)
            means = errors.groupby("subject").mean()
            means["pictures"] = errors.groupby("subject").pictures.sum()
            rows.append(means.reset_index().assign(repeat=repeat, divided=divided))
    table = pd.concat(rows, ignore_index=True)
    return table[["repeat", "divided", "subject", "pictures", *MODELS]]


def _errors(train: np.ndarray, rebuilt: np.ndarray, components: int, seed: int) -> pd.DataFrame:
    """Mean squared error of each rebuilt picture, one column per model."""
    pca = fit_components(train, components=components, seed=seed)
    outputs = {
        "mean_mse": pca.mean_,
        "pca_mse": pca.inverse_transform(pca.transform(rebuilt)),
        "nearest_mse": train[nearest_pictures(pca, train, rebuilt)],
    }
    errors = {}
    for name, output in outputs.items():
        errors[name] = np.mean((output - rebuilt) ** 2, axis=1, dtype="float64")
    return pd.DataFrame(errors)


def errors_by_draw(by_person: pd.DataFrame) -> pd.DataFrame:
    """Means over all pictures of each draw and division, from `errors_by_person`."""
    rows = []
    for (repeat, divided), part in by_person.groupby(["repeat", "divided"], sort=False):
        means = {name: np.average(part[name], weights=part.pictures) for name in MODELS}
        rows.append({"repeat": repeat, "divided": divided, **means})
    return pd.DataFrame(rows)


def hidden_error(by_person: pd.DataFrame, measure: str) -> pd.Series:
    """By how many percent the leak lowers each person's error; draws are meaned before."""
    errors = _of_people(by_person, measure)
    return 100 * (1 - errors["by slice"] / errors["by subject"])


def flattery(by_person: pd.DataFrame, models: Mapping[str, str] = MODELS) -> pd.DataFrame:
    """How much of the error a leak hides, with Student's 95 % interval over people.

    Returns:
        One row per model: `model`, the mean errors `by_person` and `by_slice`, the percentage
        `hidden_percent` with `low` and `high`, `flattered` (people whose error falls), `people`.
    """
    rows = []
    for measure, model in models.items():
        errors, hidden = _of_people(by_person, measure), hidden_error(by_person, measure)
        interval = stats.paired_difference(hidden, np.zeros(len(hidden)), hidden.index)
        rows.append(
            {
                "model": model,
                "by_person": errors["by subject"].mean(),
                "by_slice": errors["by slice"].mean(),
                "hidden_percent": interval.difference,
                "low": interval.low,
                "high": interval.high,
                "flattered": interval.above,
                "people": interval.people,
            }
        )
    return pd.DataFrame(rows)


def finding(by_person: pd.DataFrame, measure: str) -> dict[str, object]:
    """Whether a leak makes a model look better, as `run.finding` takes it: in percent, too."""
    errors = _of_people(by_person, measure)
    paired = stats.paired_difference(errors["by slice"], errors["by subject"], errors.index)
    found = stats.finding(paired, a="with the leak", b="without", better="lower")
    row = flattery(by_person, {measure: MODELS[measure]}).iloc[0]
    share = f"The leak hides {row.hidden_percent:.0f} % of the error"
    limits = "" if np.isnan(row.low) else f" [{row.low:.0f}, {row.high:.0f}]"
    return {**found, "words": f"{found['words']} {share}{limits}."}


def _of_people(by_person: pd.DataFrame, measure: str) -> pd.DataFrame:
    """One row per person, one column per division; draws are meaned."""
    return by_person.groupby(["subject", "divided"])[measure].mean().unstack("divided")
