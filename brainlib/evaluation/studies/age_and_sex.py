"""What a code knows of age and sex: mean codes of people, heads trained with a VAE, answers."""

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, RidgeCV

from brainlib import models
from brainlib.evaluation.stats import bootstrap_interval
from brainlib.evaluation.studies.split_slices import SplitSlices
from brainlib.slices.pipeline import Slices
from brainlib.training import supervised
from brainlib.training.supervised import HeadTargets

VENTRICLES = 0.42  # share of the axis: beside the midline of a sagittal stack
FEWEST_AGES = 6
SEXES = ("male", "female")
GUESS = "guess: the training people's mean"
REGRESSION = "regression on the latent of the VAE above"
HEADS = "heads, trained with the VAE"


def codes_of_people(
    model: keras.Model,
    slices: SplitSlices,
    people: Collection[str],
    *,
    share: float = VENTRICLES,
    count: int = 3,
) -> pd.DataFrame:
    """Mean code of each person at one place in the head: (people, D), the person as index.

    Args:
        model: a VAE.
        slices: of `open_slices`.
        people: whose.
        share: place along the axis across the slices, 0 to 1.
        count: slices nearest to that place that are meaned.
    """
    table = slices.of(people)
    table = table.assign(off=abs(table.slice / table.slices - share))
    near = table.sort_values(["subject", "off"]).groupby("subject").head(count)
    codes = pd.DataFrame(models.latent_of(model, slices.pictures(near)))
    return codes.groupby(near.subject.to_numpy()).mean()


def enough_ages_and_sexes(people: pd.DataFrame) -> bool:
    """Whether a linear model on age and sex makes sense: 6 ages or more, and both sexes."""
    return bool(people.age.notna().sum() >= FEWEST_AGES and set(SEXES) <= set(people.sex))


class AgeDirection(NamedTuple):
    """A direction of the code that tells the age.

    Attributes:
        slope: (D,) change of the code per year.
        correlation: of known ages with those told of people who were left out of the fit.
        people: how many.
    """

    slope: np.ndarray
    correlation: float
    people: int


def age_direction(
    codes: pd.DataFrame, people: pd.DataFrame, *, least: float = 0.3
) -> AgeDirection | None:
    """What a year does to a code; None where it does not tell the age of people left out.

    Args:
        codes: of `codes_of_people`.
        people: their `age` and `sex`, in the same order.
        least: correlation from which on a direction counts as found.
    """
    if not enough_ages_and_sexes(people):
        return None
    known = people.age.notna().to_numpy() & people.sex.isin(SEXES).to_numpy()
    ages = people.age.to_numpy(float)[known]
    female = (people.sex == "female").to_numpy(float)[known]
    means = codes.to_numpy()[known]
    told = []
    for number in range(len(means)):
        others = np.arange(len(means)) != number
        start, slope = _age_slope(means[others], ages[others], female[others])
        told.append((means[number] - start) @ slope)
    correlation = float(np.corrcoef(told, ages)[0, 1])
    if not correlation >= least:  # NaN neither
        return None
    return AgeDirection(_age_slope(means, ages, female)[1], correlation, len(means))


def _age_slope(
    means: np.ndarray, ages: np.ndarray, female: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """(mean code, change of it per year at the same sex), each (D,)."""
    design = np.column_stack([np.ones_like(ages), ages - ages.mean(), female])
    solution = np.linalg.lstsq(design, means, rcond=None)[0]
    return means.mean(axis=0), solution[1]


def head_targets(slices: SplitSlices, *, weight: float) -> HeadTargets:
    """Age and sex as heads learn them, scaled by the first round's training people."""
    learners = slices.people[slices.people.subject.isin(slices.first.train)]
    values = {"age": learners.age.astype(float), "sex": learners.sex.tolist()}
    return supervised.head_targets(values, weight=weight)


def answers_of_slices(slices: SplitSlices) -> dict[str, np.ndarray]:
    """Age (NaN where unknown) and sex ("" where unknown) of every stored picture, by its row."""
    person = slices.people.set_index("subject").loc[slices.index.subject]
    ages = np.full(len(slices.images), np.nan)
    sexes = np.full(len(slices.images), "", object)
    ages[slices.index.row] = person.age.astype(float)
    sexes[slices.index.row] = person.sex
    return {"age": ages, "sex": sexes}


def batches_with_answers(
    slices: SplitSlices,
    targets: HeadTargets,
    *,
    augment: float = 0.0,
    least_steps: int = 0,
    **batches: object,
) -> tuple[Slices, Slices]:
    """The first round's training and validation slices, with age and sex beside each picture.

    Args:
        slices: of `open_slices`.
        targets: of `head_targets`.
        augment, least_steps: of the training slices alone.
        **batches: of both: batch_size, seed, corruption, ...
    """
    batches["labels"] = targets.labels(answers_of_slices(slices))
    train = slices.batches(slices.first.train, augment=augment, least_steps=least_steps, **batches)
    return train, slices.batches(slices.first.validation, **batches)


def answers_by_person(
    model: keras.Model,
    taught: keras.Model,
    folder: Path,
    slices: SplitSlices,
) -> pd.DataFrame:
    """Age and sex of the first round's test people, answered in three ways, the guess first.

    A person is one answer: the mean over that person's slices.

    Args:
        model: a VAE that never heard of age or sex; a regression reads its latent.
        taught: the VAE that was trained with heads.
        folder: of `taught`, where its heads were saved.
        slices: of `open_slices`.

    Returns:
        One row per way and person: answers_by, subject, age (years), male (share or probability),
        age_true (NaN where unknown), sex_true ("" where unknown).
    """
    test = slices.of(slices.first.test)
    pictures = slices.pictures(test)
    heads, targets = supervised.load_heads(folder)
    with_heads = supervised.predict(taught, heads, targets, pictures)
    ways = {
        GUESS: _guess(slices, targets, len(pictures)),
        REGRESSION: _regression(model, slices, pictures),
        HEADS: {"age": with_heads["age"], "male": with_heads["sex"]},
    }
    truth = slices.people.set_index("subject")[["age", "sex"]].add_suffix("_true")
    rows = []
    for name, found in ways.items():
        each = pd.DataFrame(found).groupby(test.subject.to_numpy()).mean().join(truth)
        rows.append(each.rename_axis("subject").reset_index().assign(answers_by=name))
    return pd.concat(rows, ignore_index=True)


def _guess(slices: SplitSlices, targets: HeadTargets, count: int) -> dict[str, np.ndarray]:
    """The training people's mean age and more frequent sex, whoever is on the picture."""
    sexes = slices.people[slices.people.subject.isin(slices.first.train)].sex
    mostly_male = (sexes == "male").sum() * 2 > (sexes != "").sum()
    return {
        "age": np.full(count, targets.numbers["age"][0]),
        "male": np.full(count, float(mostly_male)),
    }


def _regression(
    model: keras.Model, slices: SplitSlices, pictures: np.ndarray
) -> dict[str, np.ndarray]:
    """Ridge and logistic regression on the latent, fitted to the first round's training slices."""
    rows = slices.rows(slices.first.train)
    known = answers_of_slices(slices)
    ages, sexes = known["age"][rows], known["sex"][rows]
    latent = models.latent_of(model, np.asarray(slices.images[rows]))
    asked = models.latent_of(model, pictures)
    aged, sexed = ~np.isnan(ages), sexes != ""
    ridge = RidgeCV(np.logspace(-1, 4, 6)).fit(latent[aged], ages[aged])
    odds = LogisticRegression(C=0.01, max_iter=2000).fit(latent[sexed], sexes[sexed] == "male")
    return {"age": ridge.predict(asked), "male": odds.predict_proba(asked)[:, 1]}


def summary_of_answers(answers: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Error in age with its 95 % interval over people, and how often the sex is right.

    Columns: answers_by, age_error_years (mean), low, high, sex_right, of, test_subjects.

    Args:
        answers: of `answers_by_person`.
        seed: random seed of the bootstrap.
    """
    rows = []
    for name, part in answers.groupby("answers_by", sort=False):
        aged = part[part.age_true.notna()]
        errors = abs(aged.age - aged.age_true.astype(float)).to_numpy()
        error = bootstrap_interval(errors, aged.subject.to_numpy(), seed=seed)
        sexed = part[part.sex_true.isin(SEXES)]
        right = (sexed.male > 0.5) == (sexed.sex_true == "male")
        rows.append(
            {
                "answers_by": name,
                "age_error_years": error.mean,
                "low": error.low,
                "high": error.high,
                "sex_right": int(right.sum()),
                "of": len(sexed),
                "test_subjects": len(part),
            }
        )
    return pd.DataFrame(rows)


def age_errors(answers: pd.DataFrame) -> pd.DataFrame:
    """Error in age in years, one row per test person whose age is known, one column per way."""
    known = answers[answers.age_true.notna()]
    errors = abs(known.age - known.age_true.astype(float))
    return known.assign(error=errors).pivot(index="subject", columns="answers_by", values="error")
