"""Executes one notebook with papermill and believes it only when everything is there: a job of notebooks/Snakefile.

    python -m brainlib.executor CONFIG NOTEBOOK

It speaks to run_all.sh by marker lines on its standard output; all that cells and processes print goes to the log.
"""

import contextlib
import datetime
import fcntl
import json
import os
import re
import resource
import secrets
import shutil
import signal
import sys
import tempfile
import threading
import time
from pathlib import Path

from brainlib import files
from brainlib import record as runs

MARK = "@@brainlib "
EPOCH = re.compile(
    r"^(?:[\w ]+: )?epoch (\d+)/(\d+)", re.MULTILINE
)  # "epoch 3/40", "prior: epoch 8/40"
CHATTER = re.compile(
    r"WARNING: All log messages before absl|[IW]\d{4} \S+ +\d+ \S+\.cc:\d+\]|E\d{4} .*failed call to cuInit"
)
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
LONGEST_LINE, LAST_LINES = 200, 12
LONGEST_SOCKET = 90  # the system's limit is 104 to 108 bytes


class Unfinished(Exception):
    """The notebook is not done. cell: number among the code cells or None; message: lines of the error."""

    def __init__(self, kind, message, *, cell=None, first_line=""):
        super().__init__(message)
        self.kind, self.message, self.cell, self.first_line = kind, message, cell, first_line


class Channel:
    """Marker lines to run_all.sh, one write each, so that parallel notebooks do not mix; stops us when nobody listens."""

    def __init__(self, descriptor, notebook):
        self.descriptor, self.notebook = descriptor, notebook
        self._beat = threading.Thread(target=self._heartbeat, daemon=True)

    def send(self, kind, **fields):
        line = MARK + json.dumps({"notebook": self.notebook, "kind": kind, **fields}) + "\n"
        try:
            os.write(self.descriptor, line.encode())
        except OSError:  # run_all.sh was killed: nobody waits for this result any more
            os.kill(os.getpid(), signal.SIGTERM)

    def start_heartbeat(self):
        self._beat.start()

    def _heartbeat(self):
        parent = os.getppid()
        while os.getppid() == parent:
            time.sleep(2)
            self.send("alive")
        os.kill(os.getpid(), signal.SIGTERM)  # Snakemake was killed: nobody would take the result


class Log:
    """Standard output or error of the cells: written to the log, and searched for epoch lines."""

    def __init__(self, handle, channel):
        self.handle, self.channel, self.rest = handle, channel, ""

    def write(self, text):
        self.handle.write(text)
        *lines, self.rest = (self.rest + text).split("\n")
        for match in map(EPOCH.match, lines):
            if match:
                self.channel.send("epoch", epoch=int(match[1]), epochs=int(match[2]))

    def flush(self):
        self.handle.flush()


def _kernel_manager():
    """A kernel manager that starts this very Python, whatever kernels are installed, over sockets that are files."""
    from jupyter_client import AsyncKernelManager
    from jupyter_client.kernelspec import KernelSpec
    from traitlets import CaselessStrEnum, Unicode

    sockets = os.path.join(os.environ.get("JUPYTER_RUNTIME_DIR", ""), "k")
    if not os.path.isabs(sockets) or len(sockets) > LONGEST_SOCKET:
        sockets = ""  # network ports then, which could clash between parallel kernels

    class ThisPython(AsyncKernelManager):
        """Notes the kernel's process group in `group`, so that nothing of it outlives the executor."""

        group = None
        transport = CaselessStrEnum(["tcp", "ipc"], default_value="ipc" if sockets else "tcp")
        ip = Unicode(sockets or "127.0.0.1")

        @property
        def kernel_spec(self):
            return KernelSpec(
                argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
                display_name="Python 3",
                language="python",
            )

        async def _async_post_start_kernel(self, **options):
            ThisPython.group = (
                self.provisioner.pid
            )  # the launcher gives the kernel a session of its own
            await super()._async_post_start_kernel(**options)

        async def _async_interrupt_kernel(self):
            """Kernels are never interrupted, only shut down: the interrupt that comes first would look like an error in the log."""

        post_start_kernel, interrupt_kernel = _async_post_start_kernel, _async_interrupt_kernel

    return ThisPython


def _kill_group(manager):
    if manager.group:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(manager.group, signal.SIGKILL)


def execute(notebook, parameters, *, folder, cell_timeout, start_timeout, channel, log):
    """Runs a notebook in a fresh kernel and leaves it executed in `notebooks/` of the run folder, whatever happens.

    Args:
        notebook: path of the notebook.
        parameters: dict injected after the cell tagged `parameters`.
        folder: run folder.
        cell_timeout: longest time for a cell, seconds.
        start_timeout: longest time for the kernel to start, seconds.
        channel: Channel for progress.
        log: text handle for what cells print.

    Returns:
        The pending result that the notebook's last cell wrote, and the number of its code cells.

    Raises:
        Unfinished: it is not done; the executed notebook then says so on top.
    """
    import nbformat  # takes over a second: run_all.sh itself goes without

    notebook, folder = Path(notebook), Path(folder)
    final = folder / "notebooks" / notebook.name
    final.parent.mkdir(parents=True, exist_ok=True)
    partial = final.with_name(f".{notebook.name}")
    pending = folder / "results" / f".{notebook.stem}.pending.json"
    for stale in (partial, pending, final):
        stale.unlink(missing_ok=True)
    token = os.environ[runs.TOKEN] = secrets.token_hex(16)
    manager = _kernel_manager()
    watch = Watch(channel)
    try:
        with _stoppable(manager):
            _papermill(
                notebook,
                partial,
                parameters,
                cell_timeout,
                start_timeout,
                manager,
                watch,
                channel,
                log,
            )
            executed = _read(partial)
            _check_cells(executed)
            result = _check_pending(pending, token)
    except BaseException as error:
        problem = _explain(error, watch, partial, cell_timeout)
        leave_unfinished(partial, final, problem)
        raise problem from None
    finally:
        _kill_group(manager)
        del os.environ[runs.TOKEN]
        pending.unlink(missing_ok=True)
    _tidy(executed, notebook.name)
    nbformat.write(executed, partial)
    os.replace(partial, final)
    return result, len(_code_cells(executed))


class Watch:
    """Counts the code cells as they run."""

    def __init__(self, channel):
        self.channel, self.number, self.total, self.first_line = channel, 0, 0, ""

    def begin(self, notebook):
        self.total = len(_code_cells(notebook))

    def cell(self, cell, cell_index):
        self.number, self.first_line = self.number + 1, first_line(cell.source)
        self.channel.send("cell", cell=self.number, cells=self.total)


def _papermill(
    notebook, partial, parameters, cell_timeout, start_timeout, manager, watch, channel, log
):
    import papermill

    papermill.execute_notebook(
        str(notebook),
        str(partial),
        parameters=parameters,
        kernel_name="python3",
        language="python",
        cwd=str(notebook.parent),
        progress_bar=False,
        start_timeout=int(start_timeout),
        execution_timeout=max(1, int(cell_timeout)),
        stdout_file=Log(log, channel),
        stderr_file=log,
        kernel_manager_class=manager,
        coalesce_streams=True,
        on_notebook_start=watch.begin,
        on_cell_execute=watch.cell,
    )


@contextlib.contextmanager
def _stoppable(manager):
    """Turns the first SIGINT, SIGTERM or SIGHUP into a KeyboardInterrupt, after the kernel is gone; ignores later ones."""

    def stop(number, frame):
        for signal_number in watched:
            signal.signal(signal_number, signal.SIG_IGN)
        _kill_group(manager)
        raise KeyboardInterrupt

    watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for number in watched:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in watched:
            signal.signal(
                number, signal.SIG_IGN
            )  # from here to the end takes no time: let it be finished


def _code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip()]


def first_line(source):
    """The first line of a cell that says something, shortened."""
    lines = [line.strip() for line in source.splitlines() if line.strip()]
    return (lines or [""])[0][:80]


def _check_cells(notebook):
    """papermill also returns cleanly after `sys.exit(0)`: every code cell must have run, without an error."""
    for number, cell in enumerate(_code_cells(notebook), 1):
        for output in cell.outputs:
            if output.output_type == "error":
                kind = "stopped itself" if output.ename == "SystemExit" else "error"
                raise Unfinished(
                    kind, _last_lines(output), cell=number, first_line=first_line(cell.source)
                )
        if cell.execution_count is None:
            raise Unfinished(
                "did not run",
                "the cell did not run",
                cell=number,
                first_line=first_line(cell.source),
            )


def _check_pending(pending, token):
    try:
        content = json.loads(pending.read_text(encoding="utf-8"))
    except FileNotFoundError:
        content = {}
    if content.get("token") != token:
        raise Unfinished(
            "no result",
            "all cells ran, but the last one did not write the result: it must call run.done()",
        )
    return content


def _explain(error, watch, partial, cell_timeout):
    """The error as an Unfinished with the cell and the last lines."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    here = {"cell": watch.number or None, "first_line": watch.first_line}
    if isinstance(error, Unfinished):
        return error
    if isinstance(error, KeyboardInterrupt):
        return Unfinished(
            "interrupted", "stopped by a person or by the system (Ctrl-C or a signal)", **here
        )
    if isinstance(error, CellTimeoutError):
        return Unfinished(
            "timed out",
            f"the cell took longer than {cell_timeout / 60:g} minutes "
            "(cell_timeout_minutes of the profile)",
            **here,
        )
    if isinstance(error, DeadKernelError):
        return Unfinished(
            "kernel died",
            "the kernel died: killed from outside, out of memory, or a crash in compiled code",
            **here,
        )
    try:  # an error in a cell stands in the notebook
        _check_cells(_without_markers(_read(partial)))
    except Unfinished as problem:
        if problem.kind != "did not run":
            return problem
    except (OSError, ValueError):
        pass
    return Unfinished("error", f"{type(error).__name__}: {error}", **here)


def _read(path):
    import nbformat

    return nbformat.read(path, as_version=4)


def _last_lines(output):
    text = ESCAPES.sub("", "\n".join(output.traceback) or f"{output.ename}: {output.evalue}")
    if output.ename == "SystemExit":
        text = f"the cell called sys.exit({output.evalue}), which ends a notebook before its end"
    return "\n".join(line[:LONGEST_LINE] for line in text.splitlines()[-LAST_LINES:])


def _without_markers(notebook):
    """Drops papermill's own error cells: ours say more."""
    notebook.cells = [
        cell
        for cell in notebook.cells
        if "papermill-error-cell-tag" not in cell.metadata.get("tags", [])
    ]
    return notebook


def _tidy(notebook, name):
    """Keeps temporary names and TensorFlow's start-up chatter (it stays in the log) out of the executed notebook."""
    for cell in _code_cells(notebook):
        for output in cell.outputs:
            if output.output_type == "stream" and output.name == "stderr":
                output.text = "".join(
                    line
                    for line in output.text.splitlines(keepends=True)
                    if not CHATTER.match(line)
                )
        cell.outputs = [
            output for output in cell.outputs if output.output_type != "stream" or output.text
        ]
    notebook.metadata.setdefault("papermill", {}).update(input_path=name, output_path=name)
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }


def leave_unfinished(partial, final, problem):
    """Moves what was executed to its place, with a banner on top that says where and why it stopped."""
    import nbformat

    partial, final = Path(partial), Path(final)
    try:
        notebook = _without_markers(_read(partial))
    except (OSError, ValueError):
        notebook = nbformat.v4.new_notebook()
    place = f"in cell {problem.cell}" if problem.cell else "before its first cell"
    place += f", `{problem.first_line}`" if problem.first_line else ""
    banner = nbformat.v4.new_markdown_cell(
        f"<div style='border: 2px solid #b00; padding: 0.5em'><b>This run did not finish: {problem.kind}.</b></div>\n\n"
        f"It stopped {place}.\n\n```\n{problem.message}\n```",
        metadata={"tags": ["not-finished"]},
    )
    notebook.cells.insert(0, banner)
    _tidy(notebook, final.name)
    nbformat.write(notebook, partial)
    os.replace(partial, final)


def main(arguments):
    """A Snakemake job. Exit codes: 0 done, 1 not done, 130 interrupted."""
    sys.modules["rfc3987_syntax"] = (
        None  # jsonschema's check of web addresses: 1.4 s to import, no use here
    )
    config_path, name = Path(arguments[0]), arguments[1]
    config = json.loads(config_path.read_text(encoding="utf-8"))
    job = config["jobs"][name]
    folder = config_path.parent / job["folder"]  # of a sweep's point: its own
    with contextlib.ExitStack() as stack:
        held = os.open(config_path.parent / ".lock-jobs", os.O_RDWR | os.O_CREAT, 0o666)
        fcntl.flock(
            held, fcntl.LOCK_SH
        )  # held until this process ends, also when run_all.sh is killed
        log = stack.enter_context(
            open(
                folder / "logs" / f"{Path(job['path']).stem}.log",
                "w",
                encoding="utf-8",
                buffering=1,
            )
        )
        channel = Channel(os.dup(1), name)  # our standard output, before it becomes the log
        for descriptor in (1, 2):
            os.dup2(log.fileno(), descriptor)  # the kernel's process and crashes write there too
        _environment(config, stack)
        return _run(name, job, config, folder, channel, log)


def _environment(config, stack):
    runtime = tempfile.mkdtemp(prefix="nb-")
    stack.callback(shutil.rmtree, runtime, ignore_errors=True)
    os.environ["JUPYTER_RUNTIME_DIR"] = runtime
    os.environ[runs.FINGERPRINT] = json.dumps(config["data_fingerprint"])
    os.environ.pop("MPLBACKEND", None)  # figures belong into the notebook, as when run by hand
    os.environ.update(config["environment"])


def _run(name, job, config, folder, channel, log):
    began, started, result = (
        time.monotonic(),
        now(),
        folder / "results" / f"{Path(job['path']).stem}.json",
    )
    channel.send("start", started=started, cells=job["cells"])
    channel.start_heartbeat()
    print(f"{name}: started {started}", file=log)
    outcome = {}
    try:
        pending, cells = execute(
            job["path"],
            job["parameters"],
            folder=folder,
            channel=channel,
            log=log,
            cell_timeout=60 * config["cell_timeout_minutes"],
            start_timeout=60 * config["start_timeout_minutes"],
        )
        outcome = {"status": "finished", "cells": cells, "environment": pending["environment"]}
        files.write_json(result, pending["result"])
        outcome["result"] = files.sha256(result)
    except Unfinished as problem:
        status = "interrupted" if problem.kind == "interrupted" else "failed"
        message = problem.message[-2000:]
        outcome = {
            "status": status,
            "error": {
                "kind": problem.kind,
                "cell": problem.cell,
                "first_line": problem.first_line,
                "message": message,
            },
        }
        print(
            f"\n{name}: {problem.kind} in cell {problem.cell}, {problem.first_line}\n{problem.message}",
            file=log,
        )
    seconds = round(time.monotonic() - began, 1)
    print(f"{name}: {outcome['status']} after {seconds} s", file=log)
    channel.send(
        "end",
        **outcome,
        started=started,
        ended=now(),
        seconds=seconds,
        peak_memory_mb=_peak_memory_mb(),
    )
    return {"finished": 0, "failed": 1, "interrupted": 130}[outcome["status"]]


def _peak_memory_mb():
    """Largest resident memory of the kernel and of what it started, MiB."""
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10))


def now():
    """The time as ISO 8601 with the zone, whole seconds."""
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
