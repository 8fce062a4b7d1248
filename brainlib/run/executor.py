"""Executes one notebook with papermill and believes it only when everything is there.

A job of notebooks/Snakefile: `python -m brainlib.run.executor CONFIG NOTEBOOK`. It speaks to
run_all.sh through a `channel`; all that cells and processes print goes to the log. papermill and
Jupyter take seconds to import: that is done after the log is open and the lock is held.
"""

import contextlib
import fcntl
import json
import os
import resource
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from brainlib import files, record
from brainlib.run import executed
from brainlib.run.channel import Channel, Log, now
from brainlib.run.executed import Unfinished

LONGEST_SOCKET = 90  # the system's limit is 104 to 108 bytes
LONGEST_MESSAGE = 2000
EXIT_CODES = {"finished": 0, "failed": 1, "interrupted": 130}
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def kernel_manager() -> type:
    """A kernel manager that starts this very Python, over sockets that are files."""
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec
    from traitlets import CaselessStrEnum, Unicode

    sockets = os.path.join(os.environ.get("JUPYTER_RUNTIME_DIR", ""), "k")
    if not os.path.isabs(sockets) or len(sockets) > LONGEST_SOCKET:
        sockets = ""  # network ports then, which could clash between parallel kernels

    class ThisPython(AsyncKernelManager):
        """Notes the kernel's process group in `group`, so that nothing outlives the executor."""

        group = None
        transport = CaselessStrEnum(["tcp", "ipc"], default_value="ipc" if sockets else "tcp")
        ip = Unicode(sockets or "127.0.0.1")

        @property
        def kernel_spec(self) -> KernelSpec:
            """Whatever kernels are installed, this Python."""
            launcher = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
            return KernelSpec(argv=launcher, display_name="Python 3", language="python")

        async def _async_post_start_kernel(self, **options):
            ThisPython.group = self.provisioner.pid  # the launcher gives it a session of its own
            await super()._async_post_start_kernel(**options)

        async def _async_interrupt_kernel(self):
            """Never: the interrupt before a shutdown would look like an error in the log."""

        post_start_kernel, interrupt_kernel = _async_post_start_kernel, _async_interrupt_kernel

    return ThisPython


def _kill_group(manager: type) -> None:
    if manager.group:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(manager.group, signal.SIGKILL)


class Watch:
    """Counts the code cells as they run."""

    def __init__(self, channel: Channel):
        self.channel, self.number, self.total, self.first_line = channel, 0, 0, ""

    def begin(self, notebook: dict) -> None:
        """A notebook starts."""
        self.total = len(executed.code_cells(notebook))

    def cell(self, cell: dict, cell_index: int) -> None:
        """A cell starts."""
        self.number, self.first_line = self.number + 1, executed.first_line(cell)
        self.channel.send("cell", cell=self.number, cells=self.total)


def execute(
    job: dict[str, Any], config: dict[str, Any], *, folder: Path, channel: Channel, log: TextIO
) -> tuple[dict, int]:
    """Runs a notebook in a fresh kernel and leaves it executed in `notebooks/`, whatever happens.

    Args:
        job: its `path` and the `parameters` that are injected after the cell tagged `parameters`.
        config: `cell_timeout_minutes` and `start_timeout_minutes`.
        folder: run folder.
        channel: for progress.
        log: for what cells print.

    Returns:
        The pending result that the notebook's last cell wrote, and the number of its code cells.

    Raises:
        Unfinished: it is not done; the executed notebook then says so on top.
    """
    notebook = Path(job["path"])
    final = folder / "notebooks" / notebook.name
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(f".{notebook.name}")
    pending = folder / "results" / f".{notebook.stem}.pending.json"
    for stale in (partial, pending, final):
        stale.unlink(missing_ok=True)
    token = os.environ[record.TOKEN] = secrets.token_hex(16)
    manager, watch = kernel_manager(), Watch(channel)
    try:
        with _stoppable(manager):
            _papermill(job, config, partial, manager, watch, Log(log, channel), log)
            content = executed.read(partial)
            executed.check_cells(content)
            result = _check_pending(pending, token)
    except BaseException as error:
        problem = _explain(error, watch, partial, config["cell_timeout_minutes"])
        executed.leave_unfinished(partial, final, problem)
        raise problem from None
    finally:
        _kill_group(manager)
        del os.environ[record.TOKEN]
        pending.unlink(missing_ok=True)
    executed.leave(content, partial, final)
    return result, len(executed.code_cells(content))


def _papermill(
    job: dict, config: dict, partial: Path, manager: type, watch: Watch, out: Log, log: TextIO
) -> None:
    import papermill

    papermill.execute_notebook(
        job["path"],
        str(partial),
        parameters=job["parameters"],
        kernel_name="python3",
        language="python",
        cwd=str(Path(job["path"]).parent),
        progress_bar=False,
        start_timeout=int(60 * config["start_timeout_minutes"]),
        execution_timeout=max(1, int(60 * config["cell_timeout_minutes"])),
        stdout_file=out,
        stderr_file=log,
        kernel_manager_class=manager,
        coalesce_streams=True,
        on_notebook_start=watch.begin,
        on_cell_execute=watch.cell,
    )


@contextlib.contextmanager
def _stoppable(manager: type) -> Iterator[None]:
    """Turns the first signal into a KeyboardInterrupt, after the kernel is gone; ignores others."""

    def ignore_signals() -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def stop(number, frame):
        ignore_signals()
        _kill_group(manager)
        raise KeyboardInterrupt

    for number in SIGNALS:
        signal.signal(number, stop)
    try:
        yield
    finally:
        ignore_signals()  # from here to the end takes no time: let it be finished


def _check_pending(pending: Path, token: str) -> dict:
    """What the last cell wrote in this very run."""
    try:
        content = json.loads(pending.read_text(encoding="utf-8"))
    except FileNotFoundError:
        content = {}
    if content.get("token") != token:
        what = "all cells ran, but the last one did not write the result: it must call run.done()"
        raise Unfinished("no result", what)
    return content


def _explain(
    error: BaseException, watch: Watch, partial: Path, timeout_minutes: float
) -> Unfinished:
    """The error as an Unfinished with the cell and the last lines."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    if isinstance(error, Unfinished):
        return error
    if isinstance(error, KeyboardInterrupt):
        words = "interrupted", "stopped by a person or by the system (Ctrl-C or a signal)"
    elif isinstance(error, CellTimeoutError):
        limit = f"longer than {timeout_minutes:g} minutes (cell_timeout_minutes of the profile)"
        words = "timed out", f"the cell took {limit}"
    elif isinstance(error, DeadKernelError):
        causes = "killed from outside, out of memory, or a crash in compiled code"
        words = "kernel died", f"the kernel died: {causes}"
    else:
        words = "error", f"{type(error).__name__}: {error}"
        in_a_cell = executed.find_error(partial)
        if in_a_cell:
            return in_a_cell
    return Unfinished(*words, cell=watch.number or None, first_line=watch.first_line)


# The job


def main(arguments: Sequence[str]) -> int:
    """A Snakemake job. Exit codes: 0 done, 1 not done, 130 interrupted."""
    # jsonschema's check of web addresses takes 1.4 s to import and is of no use here.
    sys.modules["rfc3987_syntax"] = None
    config_path, name = Path(arguments[0]), arguments[1]
    config = json.loads(config_path.read_text(encoding="utf-8"))
    job = config["jobs"][name]
    folder = config_path.parent / job["folder"]  # a point of a sweep has its own
    with contextlib.ExitStack() as stack:
        # Held until this process ends, also when run_all.sh is killed.
        held = os.open(config_path.parent / ".lock-jobs", os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(held, fcntl.LOCK_SH)
        log_path = folder / "logs" / f"{Path(job['path']).stem}.log"
        log = stack.enter_context(open(log_path, "w", encoding="utf-8", buffering=1))
        channel = Channel(os.dup(1), name)  # our standard output, before it becomes the log
        for descriptor in (1, 2):  # the kernel's process and crashes write there too
            os.dup2(log.fileno(), descriptor)
        _set_environment(config, stack)
        os.environ[record.FINGERPRINT] = json.dumps(_fingerprint(job, config, folder))
        return _run(name, job, config, folder, channel, log)


def _set_environment(config: dict, stack: contextlib.ExitStack) -> None:
    runtime = tempfile.mkdtemp(prefix="nb-")
    stack.callback(shutil.rmtree, runtime, ignore_errors=True)
    os.environ["JUPYTER_RUNTIME_DIR"] = runtime
    os.environ.pop("MPLBACKEND", None)  # figures belong into the notebook, as when run by hand
    os.environ.update(config["environment"])


def _fingerprint(job: dict, config: dict, folder: Path) -> dict[str, str]:
    """What the notebook is made from: the data, files that its parameters name, and those before.

    The files of a notebook before are in its result. So they are in all results after it, too, and
    what was made from other masks is made again, even where no table shows them.
    """
    found = dict(config["data_fingerprint"])
    for need in record.needs_of(Path(job["path"]).stem):
        result = folder / "results" / f"{need}.json"
        if result.exists():  # a partial report goes without some
            found = json.loads(result.read_text(encoding="utf-8"))["data_fingerprint"] | found
    return found | job["inputs"]


def _run(name: str, job: dict, config: dict, folder: Path, channel: Channel, log: TextIO) -> int:
    began, started = time.monotonic(), now()
    channel.send("start", started=started, cells=job["cells"])
    channel.start_heartbeat()
    print(f"{name}: started {started}", file=log)
    outcome = _outcome(name, job, config, folder, channel, log)
    seconds = round(time.monotonic() - began, 1)
    print(f"{name}: {outcome['status']} after {seconds} s", file=log)
    outcome |= {"started": started, "ended": now(), "seconds": seconds}
    channel.send("end", **outcome, peak_memory_mb=_peak_memory_mb())
    return EXIT_CODES[outcome["status"]]


def _outcome(
    name: str, job: dict, config: dict, folder: Path, channel: Channel, log: TextIO
) -> dict[str, Any]:
    """Executes the notebook; how it ended, for run.json."""
    try:
        pending, cells = execute(job, config, folder=folder, channel=channel, log=log)
    except Unfinished as problem:
        where = f"{problem.kind} in cell {problem.cell}, {problem.first_line}"
        print(f"\n{name}: {where}\n{problem.message}", file=log)
        error = problem.as_dict() | {"message": problem.message[-LONGEST_MESSAGE:]}
        status = "interrupted" if problem.kind == "interrupted" else "failed"
        return {"status": status, "error": error}
    result = folder / "results" / f"{Path(job['path']).stem}.json"
    files.write_json(result, pending["result"])
    checksum = files.sha256(result)
    environment = pending["environment"]
    return {"status": "finished", "cells": cells, "environment": environment, "result": checksum}


def _peak_memory_mb() -> int:
    """Largest resident memory of the kernel and of what it started, MiB."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
