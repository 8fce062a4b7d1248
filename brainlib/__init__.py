"""Autoencoders on 2-D slices of T1 brain MRI: the library that the workbook's notebooks call.

Rooms, lower ones know nothing of higher ones:

    widgets | report
    plots | runs | training | generation | features
    models | pipelines
    slices | layers | losses | corruptions | metrics | stats | splits
    volumes | masking | phantom | datasets
    files

A room may have side rooms: arguments, batch, command, executor, progress, provenance and workflow belong to `runs`,
models_vae, models_residual, models_resnet50, models_uad and released to `models`,
checkpoints to `training`, phantom_atlas and phantom_lesions to `phantom`, downloads to `datasets`.
"""

__version__ = "0.1.0"
