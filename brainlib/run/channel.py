"""How a running notebook tells run_all.sh where it is: lines of JSON on its standard output."""

import datetime
import json
import os
import re
import signal
import threading
import time
from typing import Any, TextIO

MARK = "@@brainlib "
EPOCH = re.compile(r"^(?:[\w ]+: )?epoch (\d+)/(\d+)", re.MULTILINE)  # also "prior: epoch 8/40"
BEAT_SECONDS = 2


class Channel:
    """Lines to run_all.sh, one write each, so that those of parallel notebooks do not mix.

    It stops this process when nobody listens any more.
    """

    def __init__(self, descriptor: int, notebook: str):
        self.descriptor, self.notebook = descriptor, notebook

    def send(self, kind: str, **fields: Any) -> None:
        """Sends an event."""
        event = {"notebook": self.notebook, "kind": kind, **fields}
        try:
            os.write(self.descriptor, f"{MARK}{json.dumps(event)}\n".encode())
        except OSError:  # run_all.sh was killed: nobody waits for this result any more
            os.kill(os.getpid(), signal.SIGTERM)

    def start_heartbeat(self) -> None:
        """From now on, says regularly that it is alive."""
        threading.Thread(target=self._beat, daemon=True).start()

    def _beat(self) -> None:
        parent = os.getppid()
        while os.getppid() == parent:
            time.sleep(BEAT_SECONDS)
            self.send("alive")
        os.kill(os.getpid(), signal.SIGTERM)  # Snakemake was killed: nobody would take the result


def read(line: str) -> dict[str, Any] | None:
    """The event in a line, with `notebook` and `kind`; None for any other line."""
    return json.loads(line.removeprefix(MARK)) if line.startswith(MARK) else None


class Log:
    """Standard output of the cells: written to the log, and searched for epoch lines."""

    def __init__(self, handle: TextIO, channel: Channel):
        self.handle, self.channel, self.rest = handle, channel, ""

    def write(self, text: str) -> None:
        """Takes a piece of output."""
        self.handle.write(text)
        *lines, self.rest = (self.rest + text).split("\n")
        for match in map(EPOCH.match, lines):
            if match:
                self.channel.send("epoch", epoch=int(match[1]), epochs=int(match[2]))

    def flush(self) -> None:
        """As files have it."""
        self.handle.flush()


def now() -> str:
    """The time as ISO 8601 with the zone, whole seconds."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")
