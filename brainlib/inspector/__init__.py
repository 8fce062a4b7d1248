"""The inspector: makes the faults of anybody's autoencoder visible, from the model and images.

report = inspector.inspect("model.keras", images)
report.table()                                       # one row per question

`report.py` asks, the questions stand in `data_checks.py`, `people_checks.py`, `latent_checks.py`
and `network_checks.py`; `filters.py` looks into a network; `known_faults.py` lists what went wrong
in the theses; `answers.py` lays the answers of several models beside each other.
"""

from brainlib.evaluation import probes
from brainlib.evaluation.probes import photographs
from brainlib.inspector.answers import all_findings, answers, reasons, verdict
from brainlib.inspector.findings import Finding
from brainlib.inspector.known_faults import FAULTS, Fault, faults
from brainlib.inspector.reading import load, read_pictures
from brainlib.inspector.report import Report, inspect

__all__ = [name for name in dir() if not name.startswith("_")]
