"""Autoencoders on 2-D slices of T1 brain MRI: the library that the workbook's notebooks call.

Rooms, lower ones know nothing of higher ones:

    widgets | report
    plots | runs | training | inspector | anomaly | generation | features
    models | pipelines
    slices | layers | losses | corruptions | augmentation | metrics | stats | splits
    volumes | masking | phantom | datasets
    files

A room may have side rooms: arguments, batch, command, executor, progress, provenance, sweeps, sweep_run, sweep_results and
workflow belong to `runs`; models_* and released to `models`, layers_* to `layers`; checkpoints, adversarial, perceptual,
supervised and training_* to `training`; anomaly_* to `anomaly`, inspector_* to `inspector`, plots_* to `plots`; phantom_atlas and
phantom_lesions to `phantom`, downloads and datasets_participants to `datasets`.
"""

import os

os.environ.setdefault(
    "TF_CPP_MIN_LOG_LEVEL", "2"
)  # before TensorFlow begins: it greets each notebook with ten lines otherwise

__version__ = "0.2.0"
