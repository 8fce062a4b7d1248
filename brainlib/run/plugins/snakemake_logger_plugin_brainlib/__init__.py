"""A logger of Snakemake that says as JSON which jobs a dry run found, and why they would run.

Snakemake finds it by its name, with the folder above on PYTHONPATH (`--logger brainlib`);
`brainlib.run.workflow` reads what it writes.
"""

import json
import logging

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent


class LogHandler(LogHandlerBase):
    """Writes a line of JSON for each job, and everything else as Snakemake words it."""

    writes_to_stream = True  # in place of Snakemake's own: two would cut each other's lines
    writes_to_file = False
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def emit(self, record: logging.LogRecord) -> None:
        """Snakemake calls it for every event."""
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            job = {"rule": record.rule_name, "reason": record.reason}
            print(f"@@snakemake {json.dumps(job)}", flush=True)
        else:
            print(self.format(record), flush=True)
