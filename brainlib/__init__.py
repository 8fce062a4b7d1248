"""Autoencoders on 2-D slices of T1 brain MRI: the library that the workbook's notebooks call.

The rooms, in the order in which data flow; a room knows only rooms above it (`pyproject.toml` has
the contract, the tests hold it):

    files, record, downloads, metrics    whole files, a run's record, fetching, numbers per image
    heads                                from a folder or a download to volumes with people
    slices                               from volumes to stored pictures and batches
    models                               networks and their layers
    training                             fitting, recipes, losses
    evaluation                           statistics, features, generation
    anomaly                              scores, curves, the study, the command
    inspector                            what is wrong with anybody's model
    show                                 figures, widgets, pages: draws, computes nothing
    run                                  drives the notebooks, knows no science

What people import stands in `ROOMS`, names of earlier versions among them: each is imported when
it is first asked for, so that reading a head does not wait for TensorFlow.
"""

import contextlib
import importlib
import logging
import os
import sys

# Before TensorFlow begins: its compiled parts print what looks like errors (no GPU, an attribute of
# an operation) and is none. What goes wrong comes as a Python error.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _no_news_of_tracing(record: logging.LogRecord) -> bool:
    """Leaves out that functions are traced again: every network is traced once, a run has many."""
    return "triggered tf.function retracing" not in record.getMessage()


logging.getLogger("tensorflow").addFilter(_no_news_of_tracing)

__version__ = "0.2.0"

ROOMS = {
    "files": "files",
    "record": "record",
    "runs": "record",
    "downloads": "downloads",
    "metrics": "metrics",
    "heads": "heads",
    "volumes": "heads.volumes",
    "masks": "heads.masks",
    "masking": "heads.masks",
    "datasets": "heads.cohort",
    "participants": "heads.participants",
    "plausibility": "heads.plausibility",
    "reading": "heads.reading",
    "datasets_participants": "heads.participants",
    "phantom": "heads.phantom",
    "slices": "slices",
    "splits": "slices.splits",
    "stratification": "slices.stratification",
    "pipeline": "slices.pipeline",
    "pipelines": "slices.pipeline",
    "corruptions": "slices.corruptions",
    "augmentation": "slices.augmentation",
    "models": "models",
    "layers": "models.layers",
    "layers_vq": "models.layers.vq",
    "models_vq": "models.vq",
    "models_vqgan": "models.vqgan",
    "models_prior": "training.code_prior",
    "training": "training",
    "training_codes": "training.codes",
    "losses": "training.losses",
    "adversarial": "training.adversarial",
    "perceptual": "training.perceptual",
    "supervised": "training.supervised",
    "checkpoints": "training.checkpoints",
    "evaluation": "evaluation",
    "features": "evaluation.features",
    "filters": "evaluation.filters",
    "generation": "evaluation.generation",
    "leak": "evaluation.leak",
    "stats": "evaluation.stats",
    "studies": "evaluation.studies",
    "anomaly": "anomaly",
    "anomaly_study": "anomaly.study",
    "anomaly_prepare": "anomaly.preparation",
    "anomaly_restore": "anomaly.restoration",
    "inspector": "inspector",
    "inspector_filters": "inspector.filters",
    "show": "show",
    "plots": "show.plots",
    "diagrams": "show.diagrams",
    "plots_models": "show.diagrams",
    "plots_inspector": "show.inspector_figures",
    "inspector_figures": "show.inspector_figures",
    "anomaly_figures": "show.anomaly_figures",
    "labs": "show.labs",
    "report": "show.report",
    "chapters": "show.chapters",
    "head_page": "show.head_page",
    "exercises": "show.exercises",
    "start": "show.start",
    "run": "run",
}


def __getattr__(name):
    if name not in ROOMS:
        raise AttributeError(f"brainlib has no room {name!r}; it has {', '.join(sorted(ROOMS))}.")
    with _quiet_start():
        return importlib.import_module(f"brainlib.{ROOMS[name]}")


@contextlib.contextmanager
def _quiet_start():
    """Hides TensorFlow's greeting (lines in red about processors) where an import starts it.

    Other lines are shown.
    """
    if "tensorflow" in sys.modules:
        yield
        return
    from brainlib.record.fingerprints import native_chatter_off

    with native_chatter_off(known_only=True):
        yield


def __dir__():
    return sorted([*globals(), *ROOMS])
