"""The theses' published reconstruction numbers beside those of a run, each with data and setting.

A published number stands on its own data. The table says for every row what is different, and
never ranks the one against the other.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd

THESIS_003 = {
    "thesis": "003, tables 5.4 to 5.7",
    "data": "IXI T1: 2,880 sagittal slices of its 48 test people",
    "size": 256,
    "width": 1.0,
    "epochs": 100,
}
THESIS_004 = {
    "thesis": "004, tables 5.2 and 5.3",
    "data": "IXI T1: 4,824 sagittal slices of its 47 test people",
    "size": 128,
    "width": 1.0,
    "epochs": 100,
}
PUBLISHED_LOSS = {"log_mse": "mse"}  # ours -> the nearest that the theses have
DAMAGED, CLEAN = "damaged slices", "clean slices"


def published_reconstructions(table_003: pd.DataFrame, table_004: pd.DataFrame) -> pd.DataFrame:
    """The published tables of both theses in one form.

    Args:
        table_003: of `notebooks/published/reconstruction_resnet_2020.csv`.
        table_004: of `reconstruction_residual_2020.csv`.

    Returns:
        One row per published network: thesis, model, loss, l2, trained_on, psnr (dB), dssim, data,
        size (side of the pictures), width, epochs (at most).
    """
    of_003 = pd.DataFrame(
        {
            "model": table_003.model,
            "loss": table_003.loss,
            "l2": "no",
            "trained_on": DAMAGED,
            "psnr": table_003.psnr_mean,
            "dssim": (1 - table_003.ssim_mean) / 2,
        }
    ).assign(**THESIS_003)
    of_004 = pd.DataFrame(
        {
            "model": table_004.model,
            "loss": table_004.loss,
            "l2": table_004.l2,
            "trained_on": np.where(table_004.augmentation == "yes", DAMAGED, CLEAN),
            "psnr": table_004.psnr,
            "dssim": table_004.dssim,
        }
    ).assign(**THESIS_004)
    return pd.concat([of_004, of_003], ignore_index=True)


def beside_run(
    published: pd.DataFrame,
    means: pd.DataFrame,
    trainings: Mapping[str, Mapping],
    *,
    damage: str,
    data: str,
    size: int,
    loss: str,
    l2: bool = False,
) -> pd.DataFrame:
    """Published numbers beside those of the run's networks of the same name and loss.

    Args:
        published: of `published_reconstructions`.
        means: one row per `corruption` and `model` with `psnr` and `dssim`.
        trainings: {model: {"trained_on", "width", "length", ...}} of the run.
        damage: the corruption beside "none" whose numbers are given.
        data: what the run's numbers stand on, in words.
        size: side of the run's pictures.
        loss: of the run's trainings.
        l2: whether they had thesis 004's penalty.

    Returns:
        `published` with `our_psnr_clean`, `our_psnr_damaged`, `our_dssim_clean`,
        `our_dssim_damaged` (NaN where the run has no such network), `our_data`, `our_setting` and
        `what_differs`; rows with a number of the run first.
    """
    ours = means.set_index(["corruption", "model"])
    rows = []
    for row in published.itertuples(index=False):
        training = trainings.get(row.model)
        recipe = (PUBLISHED_LOSS.get(loss, loss), "yes" if l2 else "no", _trained_on(training))
        if training is None or (row.loss, row.l2, row.trained_on) != recipe:
            rows.append({"what_differs": "not trained in this run"})
            continue
        numbers = {}
        for metric in ("psnr", "dssim"):
            for name, corruption in (("clean", "none"), ("damaged", damage)):
                numbers[f"our_{metric}_{name}"] = _number(ours, (corruption, row.model), metric)
        setting = f"{size}x{size}, width {training['width']:g}, {training['length']}"
        known = {"our_data": data, "our_setting": setting}
        differs = _differences(row, training, size, data, loss)
        rows.append({**numbers, **known, "what_differs": differs})
    columns = [f"our_{m}_{name}" for m in ("psnr", "dssim") for name in ("clean", "damaged")]
    beside = pd.DataFrame(rows).reindex(
        columns=[*columns, "our_data", "our_setting", "what_differs"]
    )
    joined = published.reset_index(drop=True).join(beside)
    return joined.sort_values("our_setting", kind="stable", na_position="last", ignore_index=True)


def _trained_on(training: Mapping | None) -> str:
    if training is None:
        return ""
    return CLEAN if training["trained_on"] == "clean pictures" else DAMAGED


def _number(ours: pd.DataFrame, key: tuple[str, str], metric: str) -> float:
    return float(ours[metric].get(key, np.nan))


def _differences(row: object, training: Mapping, size: int, data: str, loss: str) -> str:
    """What is not alike, in words: the data never are."""
    found = ["people" if "IXI" in data else "data"]
    if size != row.size:
        found.append("size")
    if training["width"] != row.width:
        found.append("width")
    if training["length"] != f"{row.epochs} epochs":
        found.append("length of training")
    if loss != row.loss:
        found.append("loss")
    return ", ".join(found)
