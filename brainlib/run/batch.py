"""A run: plans it, lets Snakemake carry it out, shows how it goes and keeps run.json."""

import contextlib
import fcntl
import json
import os
import queue
import shlex
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from brainlib import files, record
from brainlib.run import (
    catalogue,
    channel,
    environment,
    executed,
    given_paths,
    progress,
    provenance,
    workflow,
)
from brainlib.run.channel import now
from brainlib.run.command import Request, display_path
from brainlib.run.executed import Unfinished

EXIT_CODES = {"finished": 0, "failed": 1, "interrupted": 130}
MOST_REASONS = 3
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stop:
    """Ctrl-C, SIGTERM and SIGHUP: the first stops the notebooks tidily, the second kills them."""

    def __init__(self):
        self.signals = 0  # how many came
        self.only_counted = False  # whether they are looked at later, at a place that can stop
        self.process: subprocess.Popen | None = None
        self.first = signal.SIGINT  # what the process is sent at first
        self.handlers = {number: signal.getsignal(number) for number in SIGNALS}
        for number, before in self.handlers.items():
            # Under nohup, or as a script's background job, they were ignored: what we start must
            # not inherit that.
            ignored = before == signal.SIG_IGN
            signal.signal(number, (lambda *_: None) if ignored else self._signal)

    def end(self) -> None:
        """From here on signals do what they did before."""
        for number, before in self.handlers.items():
            signal.signal(number, before)

    def _signal(self, number: int, frame: object) -> None:
        self.signals += 1
        if self.process is None and self.only_counted:
            return
        if self.process is None:
            raise KeyboardInterrupt
        _stop_group(self.process, self.first if self.signals == 1 else signal.SIGKILL)

    @contextlib.contextmanager
    def counted(self) -> Iterator[None]:
        """Inside of it signals interrupt nothing but the process; `signals` says that they came."""
        self.only_counted = True
        try:
            yield
        finally:
            self.only_counted = False


def _stop_group(process: subprocess.Popen, number: int = signal.SIGINT) -> None:
    """Signals Snakemake and the executors, which are in its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def guarded(work: Callable[[Stop], int]) -> int:
    """Exit code of work(stop), which may be stopped from outside, also before it began."""
    stop = Stop()
    try:
        return work(stop)
    except KeyboardInterrupt:
        print("Interrupted; what is done stays done.", file=sys.stderr)
        return EXIT_CODES["interrupted"]
    except (workflow.PlanError, OSError) as error:
        print(f"run_all.sh: {error}", file=sys.stderr)
        return EXIT_CODES["failed"]
    finally:
        stop.end()


def run_locked(request: Request, words: Sequence[str], stop: Stop) -> int:
    """Plans and, unless only that was asked for, runs, while nobody else may write in the folder.

    Args:
        request: what was asked for.
        words: of the command line.
        stop: how it is stopped from outside.

    Returns:
        The exit code.
    """
    folder = request.folder
    if request.dry_run and not (folder / "run.json").exists():
        _print_plan(request, dict.fromkeys(request.jobs, "no result yet"))
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        wanted = f"expected a folder that can be made here ({error.strerror})"
        where = f"--out {display_path(folder)}"
        print(f"run_all.sh: {where}: {wanted}. Give another one.", file=sys.stderr)
        return 2
    return locked(folder, lambda held: Batch(request, words, stop, held).run(), request.dry_run)


def locked(folder: Path, work: Callable[[int | None], int], dry_run: bool = False) -> int:
    """Exit code of work(lock) while nobody else writes into the folder; 1 where somebody does.

    `.lock` is handed on to Snakemake; `.lock-jobs` is held by each executor, so that a notebook
    that outlives a killed run is noticed.
    """
    with record.lock(folder, ".lock") as held, record.lock(folder, ".lock-jobs") as jobs_held:
        if not dry_run and not (held and jobs_held):
            in_use = f"{display_path(folder)} is in use by another run"
            print(f"run_all.sh: {in_use}. Wait until it has ended, or give --out.", file=sys.stderr)
            return 1
        if held and jobs_held and not dry_run:
            files.remove_leftovers(folder)
        if jobs_held:
            fcntl.flock(jobs_held, fcntl.LOCK_UN)  # from now on the executors hold it
        try:
            return work(held)
        except OSError as error:
            if error.errno not in files.NO_ROOM:
                raise
            print(
                f"run_all.sh: {display_path(folder)}: no room is left there ({error.strerror}). "
                "Make room and call the same again: what has finished stays, the rest goes on.",
                file=sys.stderr,
            )
            return 1


def read_run(folder: Path) -> dict[str, Any]:
    """run.json of a folder; without entries where there is none, or none that can be read."""
    try:
        content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        content["notebooks"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {"notebooks": {}}
    return content


def _print_plan(request: Request, plan: dict[str, str]) -> None:
    folder, profile = display_path(request.folder), request.profile.name
    print(f"run folder {folder}, profile {profile}, data {request.data}")
    if request.profile.note:
        print(request.profile.note)
    for name in [*request.earlier, *request.jobs]:
        words = "skipped, unchanged"
        if name in request.earlier:
            words = "taken as it is"
        elif name in plan:
            words = f"runs: {plan[name]}"
        print(f"  {name:22} {words}")


class Batch:
    """One run of ./run_all.sh into a locked run folder.

    Args:
        request: what was asked for.
        words: of the command line.
        stop: how it is stopped from outside.
        held: descriptor of the lock, which Snakemake holds too.
    """

    def __init__(self, request: Request, words: Sequence[str], stop: Stop, held: int | None):
        self.request, self.words, self.stop, self.held = request, words, stop, held
        self.folder = request.folder
        self.display = progress.Display(sys.stdout)
        self.began = time.monotonic()
        self.run_json = self._read_run()
        self.fingerprint = record.data_fingerprint(request.data)
        self.made_from: dict[str, dict] = {}

    def run(self) -> int:
        """Plans, prints the plan, runs it, reports; returns the exit code."""
        exclusions = self.folder / "exclude.csv"
        if not exclusions.exists() and not self.request.dry_run:
            files.write_text(exclusions, "subject,reason\n")
        self._configure()
        forced = self._forced()
        plan = self._plan(forced)
        _print_plan(self.request, plan)
        if self.request.dry_run:
            self._config_path().unlink(missing_ok=True)
            return 0
        (self.folder / "logs").mkdir(exist_ok=True)
        with self.stop.counted():  # from here on run.json says how it ended, whatever happens
            return self._run(plan, forced)

    def _run(self, plan: dict[str, str], forced: dict[str, str]) -> int:
        self._begin_run()
        for name in self.request.jobs:
            if name not in plan:  # its result was checked, whatever became of it in the last run
                self._entry(name).update(status="finished", reason="unchanged")
                self._entry(name).pop("error", None)
        if plan:
            self._carry_out(self.request.targets, plan, forced)
            self._report_from_what_is_there()
        return self._finish(plan)

    # run.json

    def _read_run(self) -> dict[str, Any]:
        content = read_run(self.folder)
        entries = content["notebooks"]
        if content.get("status") == "running" and not self.request.dry_run:
            cut = [name for name, entry in entries.items() if entry.get("status") == "running"]
            verb = "was" if len(cut) == 1 else "were"
            during = f" while {', '.join(cut)} {verb} running" if cut else ""
            print(f"The run before this one (started {content.get('started')}) was killed{during}.")
            for name in cut:
                entries[name] |= {"status": "interrupted", "reason": "the run was killed"}
                self._leave_executed(name, Unfinished("killed", "the run was killed"))
        return content

    def _begin_run(self) -> None:
        request, entries = self.request, self.run_json["notebooks"]
        names = [*request.table, *(set(entries) - set(request.table))]
        self.run_json = {
            "status": "running",
            "profile": request.profile.name,
            "data": request.data,
            "parameters": request.parameters,
            "versions": record.versions(),
            "threads": request.threads,
            "device": self.run_json.get("device"),
            "data_fingerprint": self.fingerprint,
            "seed": min(values["seed"] for values in request.parameters.values()),
            "started": now(),
            "ended": None,
            "seconds": None,
            "command": shlex.join(["./run_all.sh", *self.words]),
            "options": request.repeat_options,
            "git": _git_commit(),
            "asked_for": list(request.targets),
            "notebooks": {name: entries.get(name, {"status": "not run"}) for name in names},
        }
        self._write_run()

    def _write_run(self) -> None:
        files.write_json(self.folder / "run.json", self.run_json)

    def _entry(self, name: str) -> dict[str, Any]:
        return self.run_json["notebooks"].setdefault(name, {"status": "not run"})

    # Where a job works

    def _place(self, name: str) -> tuple[str, str]:
        """A job's folder, relative to the run folder ("" for this one), and its notebook."""
        return "", name

    def _made(self, kind: str, name: str, suffix: str) -> str:
        """A job's file, such as its result, relative to the run folder."""
        folder, notebook = self._place(name)
        return os.path.join(folder, kind, notebook + suffix)

    def _result(self, name: str) -> str:
        return self._made("results", name, ".json")

    def _has_result(self, name: str) -> bool:
        return (self.folder / self._result(name)).exists()

    def _leave_executed(self, name: str, problem: Unfinished) -> None:
        """Gives what an executor left behind when it was killed its place, with a banner."""
        final = self.folder / self._made("notebooks", name, ".ipynb")
        partial = final.with_name(f".{final.name}")
        if partial.exists():
            executed.leave_unfinished(partial, final, problem)

    # The plan

    def _configure(self, missing: Sequence[str] = ()) -> None:
        """Writes Snakemake's configuration: each job with the digest of all that it is made from.

        missing: notebooks without a result that a partial report goes without.
        """
        request = self.request
        config = {
            "python": sys.executable,
            "file": str(self._config_path()),
            "jobs": {name: self._job(name, missing) for name in request.jobs},
            "without": sorted(missing),
            "threads": request.threads,
            "environment": environment.of_threads(request.threads),
            "data_fingerprint": self.fingerprint,
            "cell_timeout_minutes": request.profile.cell_timeout_minutes,
            "start_timeout_minutes": request.profile.start_timeout_minutes,
        }
        files.write_json(self._config_path(), config)

    def _job(self, name: str, missing: Sequence[str]) -> dict[str, Any]:
        """What Snakemake and the executor have to know of a job."""
        notebook, parameters = self.request.jobs[name], self.request.parameters[name]
        inputs = given_paths.fingerprints(notebook, parameters)
        made_from = provenance.made_from(
            notebook.cells,
            parameters,
            data_fingerprint=self.fingerprint,
            inputs=inputs,
            threads=self.request.threads,
            folder=self.folder,
            missing=sorted(set(missing) & set(self.request.table[name])),
        )
        self.made_from[name] = json.loads(json.dumps(made_from))
        return {
            "path": str(notebook.path),
            "parameters": parameters,
            "inputs": inputs,
            "folder": self._place(name)[0],
            "result": self._result(name),
            "log": self._made("logs", name, ".log"),
            "made_from": files.digest(made_from),
            # papermill adds the cell with the parameters
            "cells": 1 + len(executed.code_cells({"cells": notebook.cells})),
            "priority": self._priority(name),
        }

    def _priority(self, name: str) -> int:
        """Side by side those begin after which most is to come; else in their order."""
        if self.request.parallel > 1:
            minutes = self.request.profile.minutes
            return round(10 * catalogue.minutes_to_the_end(name, self.request.table, minutes))
        names = list(self.request.jobs)
        return len(names) - names.index(name)

    def _config_path(self) -> Path:
        return self.folder / (".plan.json" if self.request.dry_run else ".config.json")

    def _forced(self) -> dict[str, str]:
        """Notebooks whose result is there and yet cannot be taken as it is: name -> why."""
        forced = {}
        for name in self.request.jobs:
            if self.request.force and name in self.request.targets:
                forced[name] = "--force"
            elif self._has_result(name):
                forced[name] = self._why_stale(name)
        return {name: why for name, why in forced.items() if why}

    def _why_stale(self, name: str) -> str:
        """What makes a result stale, in words; "" where it is not."""
        entry, (folder, notebook) = self.run_json["notebooks"].get(name, {}), self._place(name)
        problem = provenance.result_problem(self.folder / folder, notebook, entry)
        if problem:
            return problem
        changes = provenance.differences(entry.get("made_from", {}), self.made_from[name])
        return "; ".join(changes[:MOST_REASONS])

    def _snakemake(self, targets: Sequence[str], forced: dict[str, str]) -> list[str]:
        results = [self._result(name) for name in targets]
        cores = self.request.threads * self.request.parallel
        return workflow.command(self.folder, self._config_path(), results, forced, cores)

    def _plan(self, forced: dict[str, str]) -> dict[str, str]:
        """Asks Snakemake what it would run; notebook -> reason in plain words."""
        words = self._snakemake(self.request.targets, forced)
        reasons = workflow.plan(words, workflow.environment_in(self.folder))
        return {
            name: forced.get(name) or self._reason(name, reason) for name, reason in reasons.items()
        }

    def _reason(self, name: str, reason: str) -> str:
        if self._has_result(name):
            return workflow.in_words(reason)
        status = self.run_json["notebooks"].get(name, {}).get("status")
        last_time = {"failed": "it failed last time", "interrupted": "it was interrupted last time"}
        return last_time.get(status, "no result yet")

    # The run

    def _report_from_what_is_there(self) -> None:
        """With --keep-going: the notebook that needs all others runs on what the others left."""
        last = list(self.request.table)[-1]
        wanted = self.request.keep_going and last in self.request.targets
        if not wanted or self.stop.signals or self._has_result(last):
            return
        missing = [name for name in self.request.table[last] if not self._has_result(name)]
        if missing:
            without = f"without {', '.join(missing)}"
            self.display.say(f"{last} runs on what is there, {without}")
            self._configure(missing)
            self._carry_out([last], {last: f"partial: {without}"}, {})

    def _carry_out(
        self, targets: Sequence[str], plan: dict[str, str], forced: dict[str, str]
    ) -> None:
        for name, reason in plan.items():
            self._entry(name).update(status="not run", reason=reason)
            self._entry(name).pop("error", None)
        self._write_run()
        if self.stop.signals:
            return
        with open(self._snakemake_log(), "a", encoding="utf-8") as log:
            process = subprocess.Popen(
                self._snakemake(targets, forced),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=workflow.environment_in(self.folder),
                start_new_session=True,
                pass_fds=[self.held],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                errors="replace",
            )
            self.stop.process = process
            if self.stop.signals:
                _stop_group(process)
            try:
                self._listen(process.stdout, log)
            except OSError:  # run.json or the log cannot be written: nobody would know the results
                _stop_group(process)
                raise
            finally:
                killed = process.wait() < 0 and not self.stop.signals
                self.stop.process = None
        if killed:
            self.display.say("Snakemake, which hands out the notebooks, was killed from outside")
        self._mark_cut_off()
        self.display.close()

    def _snakemake_log(self) -> Path:
        return self.folder / "logs" / "snakemake.log"

    def _listen(self, stream: TextIO, log: TextIO) -> None:
        """Follows the executors until Snakemake and all of them have ended."""
        lines: queue.Queue[str | None] = queue.Queue()

        def read() -> None:
            for line in stream:
                lines.put(line)
            lines.put(None)

        threading.Thread(target=read, daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=1.0)
            except queue.Empty:
                self.display.refresh()
                continue
            if line is None:
                return
            event = channel.read(line)
            if event is None:
                log.write(line)
            else:
                self._take(**event)

    def _take(self, notebook: str, kind: str, **fields: Any) -> None:
        """What an executor tells."""
        if kind == "start":
            self._on_start(notebook, **fields)
        elif kind == "end":
            self._on_end(notebook, **fields)
        elif kind == "cell":
            self.display.jobs[notebook].at_cell(**fields)
        elif kind == "epoch":
            self.display.jobs[notebook].at_epoch(**fields)
        self.display.refresh()

    def _on_start(self, name: str, started: str, cells: int) -> None:
        entry = self._entry(name)
        before = entry.get("made_from", {}).get("parameters")
        same = before == self.made_from[name]["parameters"] and entry.get("result")
        self.display.jobs[name] = progress.Job(name, cells, entry.get("seconds") if same else None)
        budget = self.request.profile.minutes.get(name)
        self.display.say(f"{name}  started" + (f" (budget {budget:g} min)" if budget else ""))
        reason = {"reason": entry["reason"]} if "reason" in entry else {}
        self.run_json["notebooks"][name] = {
            "status": "running",
            "started": started,
            **reason,
            "log": self._made("logs", name, ".log"),
            "notebook": self._made("notebooks", name, ".ipynb"),
            "made_from": self.made_from[name],
        }
        self._write_run()

    def _on_end(
        self, name: str, status: str, environment: dict | None = None, **fields: Any
    ) -> None:
        self.display.jobs.pop(name, None)
        self._entry(name).update(status=status, **fields)
        if environment and environment["device"]:
            self.run_json["device"] = environment["device"]
        took = f"{progress.clock(fields['seconds'])}, {fields['peak_memory_mb']} MB"
        self.display.say(f"{name}  {status} after {took}")
        if status == "failed":
            self._say_failure(name, Unfinished(**fields["error"]))
        self._write_run()

    def _say_failure(self, name: str, problem: Unfinished) -> None:
        entry, say = self._entry(name), self.display.say
        what = f": {problem.first_line}" if problem.first_line else ""
        say(f"  {problem.kind} {problem.place}{what}")
        for line in problem.message.splitlines():
            say(f"  | {line}")
        paths = (display_path(self.folder / entry[kind]) for kind in ("notebook", "log"))
        say("  executed notebook: {}   log: {}".format(*paths))
        say(f"  to run it again: {self._command(name)}")

    def _mark_cut_off(self) -> None:
        """Entries of notebooks that did not get to say how they ended."""
        for name, entry in self.run_json["notebooks"].items():
            if entry.get("status") != "running":
                continue
            if self.stop.signals:
                entry.update(status="interrupted", ended=now())
                words = "stopped by a person or by the system (Ctrl-C or a signal)"
                self._leave_executed(name, Unfinished("killed", words))
                continue
            cell = self.display.jobs[name].cell or None
            words = "the process that executed it was killed from outside or ran out of memory"
            problem = Unfinished("killed", words, cell=cell)
            entry.update(status="failed", ended=now(), error=problem.as_dict())
            self._leave_executed(name, problem)
            self.display.say(f"{name}  failed")
            self._say_failure(name, problem)

    # The end

    def _finish(self, plan: dict[str, str]) -> int:
        """Says how it ended and how to go on; returns the exit code."""
        failed = self._say_why_not_run()
        status = self._status()
        seconds = round(time.monotonic() - self.began, 1)
        self.run_json.update(status=status, ended=now(), seconds=seconds)
        self._write_run()
        if plan:
            self._print_table()
        self._print_report()
        if status == "finished":
            print(f"finished in {progress.clock(seconds)}" if plan else "nothing to do")
            return EXIT_CODES[status]
        everything = len(self.request.targets) == len(self.request.table)
        names = [] if everything else self.request.targets
        print(f"{status}; what is done stays done. Go on with: {self._command(*names)}")
        if not failed and not self.stop.signals:
            print(f"Snakemake's words are in {display_path(self._snakemake_log())}")
        return EXIT_CODES[status]

    def _say_why_not_run(self) -> list[str]:
        """Notes why notebooks did not run; names of those that failed or were interrupted."""
        ended = {name: self._entry(name)["status"] for name in self.request.jobs}
        bad = [name for name, status in ended.items() if status in ("failed", "interrupted")]
        for name, status in ended.items():
            if status == "not run":
                needs = catalogue.with_needs([name], self.request.table)
                culprits = ", ".join(need for need in needs if need in bad)
                reason = f"skipped: it needs {culprits}" if culprits else "skipped"
                self._entry(name)["reason"] = reason
        return bad

    def _status(self) -> str:
        if self.stop.signals:
            return "interrupted"
        jobs = self.request.jobs
        done = all(self._entry(name)["status"] == "finished" for name in jobs)
        return "finished" if done and not self._is_partial() else "failed"

    def _is_partial(self) -> bool:
        """Whether a notebook ran without some of what it needs."""
        return any(self.made_from[name]["missing"] for name in self.request.jobs)

    def _print_report(self) -> None:
        from brainlib.show import findings

        last = list(self.request.table)[-1]
        if self._entry(last)["status"] != "finished":
            return
        print("\n".join(findings.in_lines(self.folder)))
        reports = [self.folder / f"report.{form}" for form in ("html", "pdf", "docx")]
        there = ", ".join(display_path(path) for path in reports if path.exists())
        if there:
            print(f"report: {there}" + (" (partial)" if self._is_partial() else ""))

    def _command(self, *names: str) -> str:
        """The command that runs these notebooks again."""
        return " ".join(filter(None, ["./run_all.sh", *names, self.request.repeat_options]))

    def _print_table(self) -> None:
        rows = [("notebook", "status", "minutes", "budget", "peak memory")]
        rows += [self._row(name) for name in [*self.request.earlier, *self.request.jobs]]
        print("\n" + "\n".join(progress.table(rows)) + "\n")

    def _row(self, name: str) -> tuple[str, ...]:
        entry, budget = self._entry(name), self.request.profile.minutes.get(name)
        status, reason = entry["status"], entry.get("reason")
        minutes = entry.get("seconds", 0) / 60
        over = bool(budget) and status == "finished" and minutes > budget
        if reason == "unchanged":
            status = reason
        elif status == "not run":
            status = f"not run ({reason})"
        limit = (f"{budget:g}" if budget else "") + (" over" if over else "")
        memory = entry.get("peak_memory_mb", 0) / 1024
        return (
            name,
            status,
            f"{minutes:.1f}" if minutes else "",
            limit,
            f"{memory:.1f} GB" if memory else "",
        )


def _git_commit() -> str | None:
    """Commit of the project, with '+ changes' where files differ; None outside a repository."""

    def git(*words: str) -> str:
        command = ["git", "-C", str(record.PROJECT), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return done.stdout.strip()

    try:
        changed = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + (" + changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None
