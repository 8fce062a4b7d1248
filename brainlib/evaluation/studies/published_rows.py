"""Thesis 004's tables 5.2 and 5.3 as rows of our own sweeps, beside what was published."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats as tests

from brainlib import metrics, models
from brainlib.evaluation import stats
from brainlib.evaluation.studies.rounds import Trained
from brainlib.evaluation.studies.split_slices import SplitSlices

SWEEPS = {"no": "004_clean", "yes": "004_corrupted"}  # augmentation: sweep
OURS = ["val_loss", "psnr_clean", "dssim_clean", "psnr_corrupted", "dssim_corrupted"]
THEIRS = ["val_loss", "mse", "dssim", "psnr"]
BLOCKS = ("full_pre", "original")  # of shallow_residual, figure 5.11
SIDES = 0.25  # of a head's slices on each side: the outermost quarters


def with_blocks(names: list[str], blocks: list[str]) -> dict[str, tuple[str, dict]]:
    """Networks by the name that tables have: shallow_residual once with each block.

    Returns:
        {"shallow_residual_original": ("shallow_residual", {"block": "original"}), ...}.
    """
    unknown = sorted(set(blocks) - set(BLOCKS))
    if unknown:
        raise ValueError(f"blocks: expected some of {', '.join(BLOCKS)}, got {unknown}.")
    chosen = {}
    for name in names:
        if name != "shallow_residual":
            chosen[name] = (name, {})
            continue
        for block in blocks:
            title = name if block == BLOCKS[0] else f"{name}_{block}"
            chosen[title] = (name, {"block": block})
    return chosen


def rows_of_004(points: dict[str, pd.DataFrame], published: pd.DataFrame) -> pd.DataFrame:
    """All models of thesis 004's tables 5.2 and 5.3, ours where a sweep has made them.

    Args:
        points: {"no": points of the sweep 004_clean, "yes": of 004_corrupted}, may be empty.
        published: `reconstruction_residual_2020.csv`.

    Returns:
        One row per published row, in its order: augmentation, model, loss, l2, the published
        val_loss, mse, dssim and psnr, and means over random seeds of ours (`ours_...`), with
        `random_seeds` (0 where no sweep made it).
    """
    means = pd.concat([_means(table, kind) for kind, table in points.items()], ignore_index=True)
    known = ["augmentation", "model", "loss", "l2"]
    theirs = published[[*known, *THEIRS]].rename(
        columns={key: f"published_{key}" for key in THEIRS}
    )
    table = theirs.merge(means, on=known, how="left")
    return table.assign(random_seeds=table.random_seeds.fillna(0).astype(int))


def _means(points: pd.DataFrame, augmentation: str) -> pd.DataFrame:
    columns = ["augmentation", "model", "loss", "l2", *[f"ours_{key}" for key in OURS]]
    done = points[points.status == "finished"] if len(points) else points
    if not len(done):
        return pd.DataFrame(columns=[*columns, "random_seeds"])
    done = done.assign(
        augmentation=augmentation,
        model=[_name(row) for row in done.to_dict("records")],
        l2=[_yes(value) for value in done.get("l2", pd.Series(False, done.index))],
    )
    groups = done.groupby(["augmentation", "model", "loss", "l2"])
    means = groups[[name for name in OURS if name in done]].mean().add_prefix("ours_")
    return means.assign(random_seeds=groups.size()).reset_index()


def _name(row: dict) -> str:
    """A network's name as the published table has it: shallow_residual with its block."""
    options = row.get("options")
    options = ast.literal_eval(options) if isinstance(options, str) else {}
    if row["model"] != "shallow_residual":
        return row["model"]
    return f"shallow_residual_{(options or {}).get('block', 'full_pre')}"


def _yes(value: object) -> str:
    return "yes" if str(value).lower() == "true" else "no"


def sweep_histories(points: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Epochs of all finished points of a sweep, with `model`, `loss` and `random_seed`.

    Args:
        points: of `sweep_points`.
        folder: that holds the sweep's folder.
    """
    parts = []
    for row in points.to_dict("records"):
        path = Path(folder) / str(row["sweep"]) / str(row["folder"])
        path = path / "tables" / "11_experiment" / "history.csv"
        if row["status"] == "finished" and path.is_file():
            name = _name(row) + (" + L2" if _yes(row.get("l2")) == "yes" else "")
            about = {"model": name, "trained_with": row["loss"], "random_seed": row.get("seed", 0)}
            parts.append(pd.read_csv(path).assign(**about))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def sweep_restorations(
    points: pd.DataFrame, folder: Path, damaged: np.ndarray
) -> dict[str, np.ndarray]:
    """What the networks of a sweep make of some slices: thesis 004's figures 5.22 and 5.23.

    Args:
        points: of `sweep_points`; of each network the first random seed is taken.
        folder: that holds the sweep's folder.
        damaged: (N, H, W, 1); networks for other sides are left out.

    Returns:
        {"network, loss": (N, H, W, 1)}.
    """
    found = {}
    for row in points.to_dict("records"):
        title = f"{_name(row)}{' + L2' if _yes(row.get('l2')) == 'yes' else ''}, {row['loss']}"
        path = Path(folder) / str(row["sweep"]) / str(row["folder"])
        path = path / "models" / row["model"] / "model.keras"
        if title in found or row["status"] != "finished" or not path.is_file():
            continue
        network = models.load(path)
        if tuple(network.input_shape[1:]) == damaged.shape[1:]:
            found[title] = models.reconstruct(network, damaged)
    return found


# ------------------------------------------------------------------- tests between all networks


def p_values(values: pd.DataFrame, subjects: np.ndarray | None = None) -> pd.DataFrame:
    """Paired t-tests between all columns: thesis 004's figure 5.24.

    Args:
        values: one row per slice, one column per network.
        subjects: (N,) whose slice it is; absent: every slice counts, as in the thesis. With them
            people are compared, and p is corrected for all pairs (Holm).

    Returns:
        square table of p, its diagonal NaN.
    """
    if subjects is not None:
        values = values.groupby(np.asarray(subjects)).mean()
    names = list(values)
    pairs = [(a, b) for place, a in enumerate(names) for b in names[place + 1 :]]
    found = [float(tests.ttest_rel(values[a], values[b]).pvalue) for a, b in pairs]
    if subjects is not None:
        found = stats.holm(found)
    table = pd.DataFrame(np.nan, index=names, columns=names)
    for (a, b), p in zip(pairs, found):
        table.loc[a, b] = table.loc[b, a] = p
    return table


def errors_by_slice(
    trained: dict[str, Trained], target: np.ndarray, inputs: np.ndarray
) -> pd.DataFrame:
    """Mean squared error of each slice, one column per network of the first round."""
    outputs = {name: models.reconstruct(one.first, inputs) for name, one in trained.items()}
    return pd.DataFrame({name: metrics.mse(target, output) for name, output in outputs.items()})


# ------------------------------------------------------------------- thesis 004, section 6.1


def sides_and_centre(trained: dict[str, Trained], slices: SplitSlices) -> pd.DataFrame:
    """How well networks rebuild slices from the sides of the brain and from its centre.

    Thesis 004 wished to show it, since its rule of selection cuts the sides off. The sides are the
    outermost quarters of a head's stored slices.

    Args:
        trained: {name: `Trained`}.
        slices: of `open_slices`; clean test slices of the first round are rebuilt.

    Returns:
        One row per network: model, dssim_sides and dssim_centre (mean over people), difference
        with its 95 % interval low, high (paired over people), subjects.
    """
    table = slices.thinned(slices.first.test).reset_index(drop=True)
    target = slices.pictures(table)
    at_side = sides_of_heads(table)
    rows = []
    for name, several in trained.items():
        error = metrics.dssim(target, models.reconstruct(several.first, target), data_range=1.0)
        means = pd.Series(error).groupby([table.subject, at_side]).mean().unstack()
        gain = stats.paired_difference(means[True], means[False], means.index)
        rows.append(
            {
                "model": name,
                "dssim_sides": means[True].mean(),
                "dssim_centre": means[False].mean(),
                "difference": gain.difference,
                "low": gain.low,
                "high": gain.high,
                "subjects": len(means),
            }
        )
    return pd.DataFrame(rows)


def sides_of_heads(table: pd.DataFrame) -> np.ndarray:
    """Of each slice, whether it lies in an outermost quarter of its head's slices: bool (N,).

    table: columns subject and slice.
    """
    share = table.groupby("subject").slice.rank(pct=True)
    return ((share <= SIDES) | (share > 1 - SIDES)).to_numpy()
