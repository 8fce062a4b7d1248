"""The acronyms of the report, those that it uses."""

import re
from collections.abc import Iterable

from brainlib.show.report.document import Cell, Column, Section, Table

ACRONYMS = {
    "AE": "autoencoder",
    "ATLAS": "Anatomical Tracings of Lesions After Stroke, a data set",
    "AUPRC": "area under the precision-recall curve",
    "AUROC": "area under the receiver operating characteristic curve",
    "BraTS": "Brain Tumor Segmentation challenge",
    "CAE": "convolutional autoencoder",
    "CLAHE": "contrast-limited adaptive histogram equalisation",
    "CPU": "central processing unit",
    "CSV": "comma-separated values, a file of a table",
    "dB": "decibel",
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
    "ROC": "receiver operating characteristic",
    "SD": "standard deviation",
    "SSIM": "structural similarity",
    "T1": "a contrast of MRI in which white matter is brighter than grey matter",
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
