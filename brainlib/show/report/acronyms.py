"""The acronyms of the report, those that it uses."""

import re
from collections.abc import Iterable

from brainlib.show.report.document import Cell, Column, Section, Table

ACRONYMS = {
    "AE": "autoencoder",
    "AUPRC": "area under the precision-recall curve",
    "AUROC": "area under the receiver operating characteristic curve",
    "BraTS": "Brain Tumor Segmentation challenge",
    "CAE": "convolutional autoencoder",
    "CLAHE": "contrast-limited adaptive histogram equalisation",
    "CPU": "central processing unit",
    "DSSIM": "structural dissimilarity, (1 − SSIM)/2",
    "ELBO": "evidence lower bound",
    "GPU": "graphics processing unit",
    "IXI": "Information eXtraction from Images, a data set of healthy people",
    "KL": "Kullback-Leibler divergence",
    "MNI": "Montreal Neurological Institute",
    "MRI": "magnetic resonance imaging",
    "MSE": "mean squared error",
    "MS-SSIM": "multi-scale structural similarity",
    "PCA": "principal component analysis",
    "PSNR": "peak signal-to-noise ratio",
    "RMSE": "root mean squared error",
    "SD": "standard deviation",
    "SSIM": "structural similarity",
    "VAE": "variational autoencoder",
    "VQ-VAE": "vector-quantised variational autoencoder",
    "VQGAN": "vector-quantised generative adversarial network",
}


def acronyms(texts: Iterable[str]) -> Section:
    """The acronyms that stand in these texts."""
    whole = " ".join(texts)
    used = [name for name in ACRONYMS if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", whole)]
    rows = tuple((Cell(name), Cell(ACRONYMS[name])) for name in used)
    table = Table(
        "acronyms/all", "Acronyms of this report.", (Column("Acronym"), Column("Meaning")), rows
    )
    return Section("acronyms", "Acronyms", (table,) if rows else (), numbered=False)
