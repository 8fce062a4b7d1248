"""What the size of the code does to detection: thesis 002's appendix A to C, from a sweep's points.

The sweep is `002_latents`: each point trains one network with one size of its code.
"""

import ast
from collections.abc import Mapping

import numpy as np
import pandas as pd

MEASURES = {  # of the appendix: level, what the table of a point calls it
    "A": ("sample", {"AUROC": "sample_auroc", "AUPRC": "sample_auprc"}),
    "B": ("slice", {"AUROC": "slice_auroc", "AUPRC": "slice_auprc"}),
    "C": ("pixel", {"total Dice": "dice_total", "AUPRC": "pixel_auprc"}),
}
SIZES = ["embedding_dim", "codebook_size"]


def areas_by_code_size(points: pd.DataFrame) -> pd.DataFrame:
    """Means over random seeds of each network, size of its code, kind of lesion and measure.

    Args:
        points: `points.csv` of the sweep 002_latents; points that are not finished are left out.

    Returns:
        One row per network, size and measure: appendix ("A", "B", "C"), level, measure, model,
        embedding_dim (numbers of a VAE's code, or of each code vector), codebook_size (NaN for a
        VAE), group, value, sd, n (random seeds). Without rows for no points.
    """
    columns = ["appendix", "level", "measure", "model", *SIZES, "group", "value", "sd", "n"]
    done = points[points.status == "finished"] if len(points) else points
    if not len(done) or "group" not in done:
        return pd.DataFrame(columns=columns)
    sizes = pd.DataFrame([_size(row) for row in done.to_dict("records")], index=done.index)
    table = pd.concat([done, sizes], axis=1)
    parts = []
    for appendix, (level, measures) in MEASURES.items():
        for name, column in measures.items():
            parts.append(_means(table, column).assign(appendix=appendix, level=level, measure=name))
    return pd.concat(parts, ignore_index=True)[columns]


def _means(table: pd.DataFrame, column: str) -> pd.DataFrame:
    groups = table.groupby(["model", *SIZES, "group"], dropna=False, sort=True)
    means = groups[column].agg(value="mean", sd="std", n="count")
    return means.reset_index()


def _size(row: Mapping) -> dict[str, object]:
    """Network and size of the code of a point; lists and dictionaries are written as text."""
    name = ast.literal_eval(row["models_used"])[0]
    options = ast.literal_eval(row["model_options"]).get(name, {})
    if name == "vae_uad":
        return {"model": name, "embedding_dim": options["latent_dim"], "codebook_size": np.nan}
    return {"model": name, **dict(zip(SIZES, (options["code_dim"], options["codebook_size"])))}
