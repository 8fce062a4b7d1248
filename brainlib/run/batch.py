"""./run_all.sh: plans a run, lets Snakemake carry it out, shows how it goes and keeps run.json."""

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

from brainlib import files
from brainlib import record as runs
from brainlib.run import command, parameters, progress, provenance, workflow
from brainlib.run.command import shown
from brainlib.run.executor import MARK, Unfinished, leave_unfinished, now

EXCLUSIONS_FROM = "03"  # the split and all after it respect exclude.csv


def main(words):
    """Runs ./run_all.sh with these words; returns its exit code: 0 done, 1 failed, 2 bad arguments, 130 interrupted."""
    try:
        options = command.read(words)
        if options.sweep:
            from brainlib.run import sweep_run

            return sweep_run.main(options, words)
        if options.list:
            print("\n".join(command.listing(options)))
            return 0
        request = command.check(options)
    except parameters.Refused as error:
        print(f"run_all.sh: {error}", file=sys.stderr)
        return 2
    return guarded(
        lambda stop: run_locked(request, words, stop),
        interrupted="Interrupted before anything was started.",
    )


def guarded(work, *, interrupted):
    """Exit code of work(stop), which may be stopped from outside; says `interrupted` where that ended it."""
    stop = Stop()
    try:
        return work(stop)
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 130
    except (workflow.PlanError, OSError) as error:
        print(f"run_all.sh: {error}", file=sys.stderr)
        return 1


class Stop:
    """Ctrl-C, SIGTERM and SIGHUP: the first asks the running notebooks to stop tidily, the second kills them."""

    def __init__(self):
        self.asked, self.process = 0, None
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            ignored = (
                signal.getsignal(number) == signal.SIG_IGN
            )  # nohup, or a script's background job
            signal.signal(
                number, (lambda *_: None) if ignored else self._signal
            )  # what we start must not inherit that

    def _signal(self, number, frame):
        self.asked += 1
        if self.process is None:
            raise KeyboardInterrupt
        with contextlib.suppress(ProcessLookupError):  # the group: Snakemake and the executors
            os.killpg(self.process.pid, signal.SIGINT if self.asked == 1 else signal.SIGKILL)


def run_locked(request, words, stop):
    """Plans and, unless only that was asked for, runs, while nobody else may write into the run folder."""
    folder = request.folder
    if request.dry_run and not (folder / "run.json").exists():
        _print_plan(request, {name: "no result yet" for name in request.jobs})
        return 0
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        print(
            f"run_all.sh: --out {shown(folder)}: expected a folder that can be made here ({error.strerror}). Give another one.",
            file=sys.stderr,
        )
        return 2
    with runs.lock(folder, ".lock") as held, runs.lock(folder, ".lock-jobs") as jobs_held:
        if not request.dry_run and not (held and jobs_held):
            print(
                f"run_all.sh: {shown(folder)} is in use by another run. Wait until it has ended, or give --out.",
                file=sys.stderr,
            )
            return 1
        if jobs_held:
            release(jobs_held)
        return Batch(request, words, stop, held).run()


def release(jobs_held):
    """Lets go of `.lock-jobs`: from now on the executors hold it."""
    fcntl.flock(jobs_held, fcntl.LOCK_UN)


def read_record(folder):
    """run.json of a folder; an empty record where there is none, or none that can be read."""
    try:
        record = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        record["notebooks"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {"notebooks": {}}
    return record


def _print_plan(request, plan):
    print(
        f"run folder {shown(request.folder)}, profile {request.profile.name}, data {request.data}"
    )
    for name in [*request.taken, *request.jobs]:
        reason = plan.get(name)
        said = (
            "taken as it is"
            if name in request.taken
            else f"runs: {reason}"
            if reason
            else "skipped, unchanged"
        )
        print(f"  {name:22} {said}")


class Batch:
    """One run of ./run_all.sh into a locked run folder."""

    def __init__(self, request, words, stop, held):
        self.request, self.stop, self.held = request, stop, held
        self.folder = request.folder
        self.display = progress.Display(sys.stdout)
        self.began = time.monotonic()
        self.record = self._read_record()
        self.fingerprint = runs.data_fingerprint(request.data)
        self.cores = int(os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0)))
        self.threads = max(1, self.cores // request.parallel)
        self.words = words
        self.made_from = {}

    # The record

    def _read_record(self):
        record = read_record(self.folder)
        entries = record["notebooks"]
        if record.get("status") == "running" and not self.request.dry_run:
            cut = [name for name, entry in entries.items() if entry.get("status") == "running"]
            during = f" while {', '.join(cut)} was running" if cut else ""
            print(f"The run before this one (started {record.get('started')}) was killed{during}.")
            for name in cut:
                entries[name] |= {"status": "interrupted", "reason": "the run was killed"}
                self._leave_executed(name, "the run was killed")
        return record

    def _leave_executed(self, name, why, cell=None):
        """Gives what an executor left behind when it was killed its place, with a banner."""
        folder, notebook = self._place(name)
        partial = self.folder / folder / "notebooks" / f".{notebook}.ipynb"
        if partial.exists():
            leave_unfinished(
                partial,
                partial.with_name(f"{notebook}.ipynb"),
                Unfinished("killed", why, cell=cell),
            )

    def _place(self, name):
        """Where a job works, relative to the run folder ("" for the run folder itself), and the notebook that it runs."""
        return "", name

    def _made(self, kind, name, suffix):
        """A job's file, such as its result, relative to the run folder."""
        folder, notebook = self._place(name)
        return os.path.join(folder, kind, notebook + suffix)

    def _has_result(self, name):
        return (self.folder / self._made("results", name, ".json")).exists()

    def _begin_record(self):
        request, entries = self.request, self.record["notebooks"]
        for name in [name for name in request.table if name not in entries]:
            entries[name] = {"status": "not run"}
        self.record = {
            "status": "running",
            "profile": request.profile.name,
            "data": request.data,
            "parameters": request.parameters,
            "versions": runs.versions(),
            "threads": self.threads,
            "device": self.record.get("device"),
            "data_fingerprint": self.fingerprint,
            "seed": sorted({values["seed"] for values in request.parameters.values()})[0],
            "started": now(),
            "ended": None,
            "seconds": None,
            "command": shlex.join(["./run_all.sh", *self.words]),
            "git": _git(),
            "asked_for": list(request.targets),
            "notebooks": {
                name: entries[name]
                for name in [*request.table, *(set(entries) - set(request.table))]
            },
        }
        self._write_record()

    def _write_record(self):
        files.write_json(self.folder / "run.json", self.record)

    def _entry(self, name):
        return self.record["notebooks"].setdefault(name, {"status": "not run"})

    # The plan

    def _configure(self, missing=()):
        """Writes Snakemake's configuration: the jobs, each with the digest of all that it is made from."""
        request, jobs = self.request, {}
        for name, notebook in request.jobs.items():
            left_out = sorted(set(missing) & set(request.table[name]))
            now_from = provenance.made_from(
                notebook,
                request.parameters[name],
                data_fingerprint=self.fingerprint,
                folder=self.folder,
                reads_exclusions=notebook.name >= EXCLUSIONS_FROM,
                missing=left_out,
            )
            self.made_from[name] = json.loads(json.dumps(now_from))
            jobs[name] = {
                "path": str(notebook.path),
                "parameters": request.parameters[name],
                "folder": self._place(name)[0],
                "result": self._made("results", name, ".json"),
                "log": self._made("logs", name, ".log"),
                "made_from": files.digest(now_from),
                "cells": _count(notebook.cells),
                "priority": self._priority(name),
                **self._job(name),
            }
        environment = {}
        if request.parallel > 1:  # Snakemake sets OMP_NUM_THREADS and its like by itself
            environment = {
                "TF_NUM_INTRAOP_THREADS": str(self.threads),
                "TF_NUM_INTEROP_THREADS": str(self.threads),
            }
        files.write_json(
            self._config_path(),
            {
                "python": sys.executable,
                "file": str(self._config_path()),
                "jobs": jobs,
                "without": sorted(missing),
                "threads": self.threads,
                "environment": environment,
                "data_fingerprint": self.fingerprint,
                "cell_timeout_minutes": request.profile.cell_timeout_minutes,
                "start_timeout_minutes": request.profile.start_timeout_minutes,
            },
        )

    def _priority(self, name):
        """Side by side, the long ones begin, so that none is left alone at the end; one by one, they go in their order."""
        names = list(self.request.jobs)
        return (
            round(10 * self.request.profile.minutes.get(name, 0))
            if self.request.parallel > 1
            else len(names) - names.index(name)
        )

    def _job(self, name):
        """More of what Snakemake has to know of a job."""
        return {}

    def _config_path(self):
        return self.folder / (".plan.json" if self.request.dry_run else ".config.json")

    def _forced(self):
        """Notebooks whose result is there and yet cannot be taken as it is: name -> why."""
        forced = {}
        for name in self.request.jobs:
            if self.request.force and name in self.request.targets:
                forced[name] = "--force"
            elif self._has_result(name):
                entry, (folder, notebook) = (
                    self.record["notebooks"].get(name, {}),
                    self._place(name),
                )
                problem = provenance.result_problem(self.folder / folder, notebook, entry)
                changes = (
                    []
                    if problem
                    else provenance.differences(entry.get("made_from", {}), self.made_from[name])
                )
                if problem or changes:
                    forced[name] = problem or "; ".join(changes[:3])
        return forced

    def _snakemake(self, targets, forced, *more):
        results = [self._made("results", name, ".json") for name in targets]
        return workflow.words(
            self.folder,
            self._config_path(),
            results,
            forced,
            *more,
            cores=self.threads * self.request.parallel,
        )

    def _plan(self, forced):
        """Asks Snakemake what it would run; dict of name -> reason in plain words."""
        reasons = workflow.plan(self._snakemake(self.request.targets, forced, "--dry-run"))
        return {
            name: forced.get(name) or self._in_words(name, reason)
            for name, reason in reasons.items()
        }

    def _in_words(self, name, reason):
        if self._has_result(name):
            return workflow.in_words(reason)
        status = self.record["notebooks"].get(name, {}).get("status")
        return {"failed": "it failed last time", "interrupted": "it was interrupted last time"}.get(
            status, "no result yet"
        )

    # The run

    def run(self):
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
        self._begin_record()
        for name in self.request.jobs:
            if name not in plan:  # its result was checked, whatever became of it in the last run
                self._entry(name).update(status="finished", reason="unchanged")
                self._entry(name).pop("error", None)
        if plan:
            self._carry_out(self.request.targets, plan, forced)
            self._report_from_what_is_there(plan)
        return self._finish(plan)

    def _report_from_what_is_there(self, plan):
        """With --keep-going: the notebook that needs all others runs on what the others left."""
        last = list(self.request.table)[-1]
        missing = [
            name
            for name in self.request.table[last]
            if not (self.folder / "results" / f"{name}.json").exists()
        ]
        wanted = self.request.keep_going and last in self.request.targets and not self.stop.asked
        if wanted and missing and not (self.folder / "results" / f"{last}.json").exists():
            self.display.say(f"{last} runs on what is there, without {', '.join(missing)}")
            self._configure(missing)
            self._carry_out([last], {last: "partial: without " + ", ".join(missing)}, [])

    def _carry_out(self, targets, plan, forced):
        for name in plan:
            self._entry(name).update(status="not run", reason=plan[name])
            self._entry(name).pop("error", None)
        self._write_record()
        with open(self.folder / "logs" / "snakemake.log", "a", encoding="utf-8") as log:
            process = subprocess.Popen(
                self._snakemake(targets, forced),
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=workflow.environment(),
                start_new_session=True,
                pass_fds=[self.held],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                errors="replace",
            )
            self.stop.process = process
            if self.stop.asked:
                os.killpg(process.pid, signal.SIGINT)
            self._listen(process, log)
            process.wait()
            self.stop.process = None
        self._mark_cut_off()

    def _listen(self, process, log):
        lines = queue.Queue()

        def read():
            for line in process.stdout:
                lines.put(line)
            lines.put(None)  # Snakemake and all executors have ended

        threading.Thread(target=read, daemon=True).start()
        while True:
            try:
                line = lines.get(timeout=1.0)
            except queue.Empty:
                self.display.refresh()
                continue
            if line is None:
                return
            if not line.startswith(MARK):
                log.write(line)
                continue
            event = json.loads(line[len(MARK) :])
            getattr(self, f"_on_{event.pop('kind')}")(event.pop("notebook"), **event)

    def _on_start(self, name, started, cells):
        entry = self._entry(name)
        same = entry.get("made_from", {}).get("parameters") == self.made_from[name]["parameters"]
        earlier = entry.get("seconds") if same and entry.get("result") else None
        self.display.jobs[name] = progress.Job(name, cells, earlier)
        budget = self.request.profile.minutes.get(name)
        self.display.say(f"{name}  started" + (f" (budget {budget:g} min)" if budget else ""))
        kept = {key: entry[key] for key in ("reason",) if key in entry}
        self.record["notebooks"][name] = {
            "status": "running",
            "started": started,
            **kept,
            "log": self._made("logs", name, ".log"),
            "notebook": self._made("notebooks", name, ".ipynb"),
            "made_from": self.made_from[name],
        }
        self._write_record()

    def _on_cell(self, name, cell, cells):
        self.display.jobs[name].at_cell(cell, cells)
        self.display.refresh()

    def _on_epoch(self, name, epoch, epochs):
        self.display.jobs[name].at_epoch(epoch, epochs)
        self.display.refresh()

    def _on_alive(self, name):
        self.display.refresh()

    def _on_end(self, name, status, environment=None, **fields):
        self.display.jobs.pop(name, None)
        entry = self._entry(name)
        entry.update(status=status, **fields)
        if environment and environment["device"]:
            self.record["device"] = environment["device"]
        took = f"{progress.clock(fields['seconds'])}, {fields['peak_memory_mb']} MB"
        self.display.say(f"{name}  {status} after {took}")
        if status == "failed":
            self._say_failure(name, entry)
        self._write_record()

    def _say_failure(self, name, entry):
        error = entry["error"]
        place = f"in cell {error['cell']}" if error["cell"] else "before its first cell"
        self.display.say(
            f"  {error['kind']} {place}"
            + (f": {error['first_line']}" if error["first_line"] else "")
        )
        for line in error["message"].splitlines():
            self.display.say(f"  | {line}")
        executed, log = (shown(self.folder / entry[kind]) for kind in ("notebook", "log"))
        self.display.say(f"  executed notebook: {executed}   log: {log}")
        self.display.say(f"  to run it again: {self._command(name)}")

    def _mark_cut_off(self):
        """Entries of notebooks that did not get to say how they ended."""
        for name, entry in self.record["notebooks"].items():
            if entry.get("status") != "running":
                continue
            if self.stop.asked:
                entry.update(status="interrupted", ended=now())
                self._leave_executed(
                    name, "stopped by a person or by the system (Ctrl-C or a signal)"
                )
            else:
                error = {
                    "kind": "killed",
                    "cell": self.display.jobs[name].cell or None,
                    "first_line": "",
                    "message": "the process that executed it was killed from outside or ran out of memory",
                }
                entry.update(status="failed", ended=now(), error=error)
                self._leave_executed(name, error["message"], error["cell"])
                self._say_failure(name, entry)
        self.display.close()

    # The end

    def _finish(self, plan):
        entries = self.record["notebooks"]
        bad = [
            name
            for name in self.request.jobs
            if entries[name]["status"] in ("failed", "interrupted")
        ]
        for name in self.request.jobs:
            if entries[name]["status"] == "not run":
                culprits = [
                    need
                    for need in parameters.with_needs([name], self.request.table)
                    if need in bad
                ]
                entries[name]["reason"] = (
                    f"skipped: it needs {', '.join(culprits)}" if culprits else "skipped"
                )
        done = all(entries[name]["status"] == "finished" for name in self.request.jobs)
        partial = any(self.made_from[name]["missing"] for name in self.request.jobs)
        status = (
            "interrupted" if self.stop.asked else "finished" if done and not partial else "failed"
        )
        self.record.update(
            status=status, ended=now(), seconds=round(time.monotonic() - self.began, 1)
        )
        self._write_record()
        if plan:
            self._print_table()
        report = self.folder / "report.html"
        if (
            report.exists()
            and entries.get(list(self.request.table)[-1], {}).get("status") == "finished"
        ):
            print(f"report: {shown(report)}" + (" (partial)" if partial else ""))
        if status != "finished":
            print(f"{status}; what is done stays done. Go on with: {self._command(*self._names())}")
            if not bad and not self.stop.asked:
                print(f"Snakemake's words are in {shown(self.folder / 'logs' / 'snakemake.log')}")
        else:
            print(
                "nothing to do"
                if not plan
                else f"finished in {progress.clock(self.record['seconds'])}"
            )
        return {"finished": 0, "failed": 1, "interrupted": 130}[status]

    def _names(self):
        return [] if len(self.request.targets) == len(self.request.table) else self.request.targets

    def _command(self, *names):
        return " ".join(filter(None, ["./run_all.sh", *names, self.request.again]))

    def _print_table(self):
        rows = [("notebook", "status", "minutes", "budget", "peak memory")]
        for name in [*self.request.taken, *self.request.jobs]:
            entry, budget = self.record["notebooks"][name], self.request.profile.minutes.get(name)
            minutes = entry.get("seconds") and entry["seconds"] / 60
            over = budget and minutes and entry["status"] == "finished" and minutes > budget
            memory = entry.get("peak_memory_mb")
            said = "unchanged" if entry.get("reason") == "unchanged" else entry["status"]
            said += f" ({entry['reason']})" if entry["status"] == "not run" else ""
            limit = (f"{budget:g}" if budget else "") + (" over" if over else "")
            rows.append(
                (
                    name,
                    said,
                    f"{minutes:.1f}" if minutes else "",
                    limit,
                    f"{memory / 1024:.1f} GB" if memory else "",
                )
            )
        print("\n" + "\n".join(progress.table(rows)) + "\n")


def _count(cells):
    """Number of code cells that will run: papermill adds the one with the parameters."""
    return 1 + sum(
        cell["cell_type"] == "code" and bool(provenance.source(cell).strip()) for cell in cells
    )


def _git():
    """Commit of the project, with '+ changes' where files differ from it; None outside a repository."""

    def ask(*words):
        git = ["git", "-C", str(runs.PROJECT), *words]
        return subprocess.run(
            git, capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        return ask("rev-parse", "HEAD") + (
            " + changes" if ask("status", "--porcelain", "--untracked-files=no") else ""
        )
    except (OSError, subprocess.SubprocessError):
        return None
