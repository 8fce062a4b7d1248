"""The inspector: makes the faults of anybody's autoencoder visible, from the model and images.

report = inspector.inspect("model.keras", images)
report.table()                                       # one row per question
"""

from brainlib.inspector.checks import Finding
from brainlib.inspector.report import FAULTS, Report, faults, inspect, load, read_pictures

__all__ = [name for name in dir() if not name.startswith("_")]
