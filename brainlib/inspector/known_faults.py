"""What went wrong in the theses that this workbook implements, and which finding shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from brainlib.inspector.report import Report


class Fault(NamedTuple):
    """A fault of the theses.

    Attributes:
        fault: in words.
        finding: name of the finding that shows it; "" where a model and images show nothing.
        needs: what `inspect` needs beside a model and images.
    """

    fault: str
    finding: str
    needs: str = ""


FAULTS = (
    Fault(
        "A VAE's loss of 1000 x mean squared error + KL: a pixel's noise of variance 8.19",
        "assumed variance over squared error",
    ),
    Fault("About 16 bits for a whole picture, hence the blur", "bits an image"),
    Fault("A posterior that is all but collapsed", "active units"),
    Fault(
        "Pictures scaled by 1/127 reach 2.0 against a sigmoid that ends at 1",
        "targets out of reach",
    ),
    Fault(
        "Test slices come from training subjects",
        "subjects seen in training",
        "subjects and train_subjects",
    ),
    Fault("The same, where nobody knows the subjects", "pictures seen in training", "train_images"),
    Fault(
        "Validation slices share subjects with the training",
        "subjects seen in training",
        "subjects of the validation set",
    ),
    Fault(
        "A figure stands pictures beside other pictures' reconstructions",
        "outputs of other images",
        "outputs as shown",
    ),
    Fault("32,768 latent numbers for 16,384 pixels, and skips past them", "latent numbers a pixel"),
    Fault("A network that copies what it is given", "loss on strange pictures"),
    Fault(
        "Healthy people of one source against the sick of another",
        "source told by the error",
        "sources and subjects",
    ),
    Fault(
        "A training step without training=True never updates batch norm",
        "batch norm that never moved",
    ),
    Fault("2x2 places of 128 codes: 28 bits", "bits an image"),
    Fault("A codebook of which few codes are used", "perplexity over codes"),
    Fault(
        "A loss divided by the variance of MNIST",
        "data variance in the loss",
        "loss_variance, or the model's train_variance",
    ),
    Fault("Samples from N(0, 1) where the codes do not lie", "posterior beside N(0, 1)"),
    Fault(
        "L2 compared under another learning-rate schedule", "", "the histories of both trainings"
    ),
    Fault("No prior over the codes, so that nothing can be sampled", "", "the whole project"),
)


def faults(report: Report | None = None) -> pd.DataFrame:
    """The theses' faults as a table with the columns of `Fault`.

    Args:
        report: adds a column `flagged`: "yes", "no" or "not asked".
    """
    table = pd.DataFrame(FAULTS)
    if report is not None:
        words = {finding.name: "yes" if finding.flagged else "no" for finding in report.findings}
        table["flagged"] = [words.get(name, "not asked") for name in table.finding]
    return table
