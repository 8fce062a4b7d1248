"""The report of a run, as HTML, PDF and DOCX, from what its chapters saved.

report.build("outputs/quick-phantom")                         # report.html
report.build("outputs/quick-phantom", forms=("pdf", "docx"), author="A. Person")

One tree (`document.py`) is made from the run (`whole.py` puts the chapters together) and written
in three forms (`html_writer.py`, `pdf_writer.py`, `docx_writer.py`). No GPU, no network and no
model is needed.
"""

from brainlib.show.report.building import FORMS, build, compare
from brainlib.show.report.whole import TITLE

__all__ = ["FORMS", "TITLE", "build", "compare"]
