"""./run_all.sh --sweep: the steps before once, then one job per point, on the same Snakemake.

A sweep's folder holds `shared/<name>/` (an ordinary run folder with the steps before; usually
one), `points/<name>/` (a run folder for each point, whose first steps are links into the shared
one), `run.json`, and what `sweep_results` makes of them.
"""

import argparse
import os
import statistics
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from brainlib import files, record
from brainlib.run import (
    batch,
    catalogue,
    command,
    given_paths,
    progress,
    settings,
    sweep_results,
    sweeps,
)
from brainlib.run.command import Request, as_parameter, display_path
from brainlib.run.refused import Refused
from brainlib.run.sweeps import Point, Sweep

LINKED = ("results", "tables", "models", "figures")  # folders whose entries are linked one by one
LEFT_OUT = ("run.json", "logs", "notebooks", "exclude.csv")


def run(options: argparse.Namespace, words: Sequence[str], stop: batch.Stop) -> int:
    """Runs, plans or lists a sweep; returns the exit code. Raises Refused at its beginning."""
    sweep, before, request = check(options)
    if options.list or options.dry_run:
        print("\n".join(listing(sweep, request, points=options.list)))
        return 0

    request.folder.mkdir(parents=True, exist_ok=True)
    return batch.locked(
        request.folder, lambda held: _run_locked(sweep, before, request, words, stop, held)
    )


# The check


def check(options: argparse.Namespace) -> tuple[Sweep, dict[str, Request], Request]:
    """The sweep, the steps before by the name of their folder, the points. Writes nothing."""
    _check_words(options)
    path = sweeps.find(options.sweep)
    table = catalogue.read_table(record.NOTEBOOKS / "Snakefile")
    found = catalogue.read_notebooks(catalogue.present(table), table)
    profile = settings.read_profile(options.profile, table, found)
    sweep = sweeps.read(path, table, settings.with_dictionaries_of(profile, found))
    data, parallel = command.check_data(options.data), command.check_parallel(options.parallel)
    name = f"sweep-{sweep.path.stem}-{profile.name}-{command.names_of(data)}"
    out = options.out or record.NOTEBOOKS.parent / "outputs" / name
    folder = command.check_folder(out, profile.name, data, sweep=True)
    _check_settings(options.settings, sweep, table)
    known = {name: found[name] for name in (*sweep.needed, sweep.notebook)}
    parameters = {
        point.name: _parameters(point, known, profile, options.settings, data, folder)
        for point in sweep.points
    }
    # Of the points; the steps before differ in what they run and where.
    request = Request(
        table={point.name: [] for point in sweep.points},
        targets=tuple(parameters),
        jobs=dict.fromkeys(parameters, known[sweep.notebook]),
        earlier=(),
        profile=profile,
        parameters={
            point.name: parameters[point.name][sweep.notebook]
            | point.values
            | {"out": as_parameter(folder / "points" / point.name)}
            for point in sweep.points
        },
        data=data,
        folder=folder,
        force=options.force,
        keep_going=False,
        parallel=parallel,
        threads=command.check_threads(options.threads),
        dry_run=False,
        repeat_options=command.repeat_options(options),
    )
    before = {
        point.shared_name: _request_before(sweep, point, known, parameters[point.name], request)
        for point in sweep.points
        if sweep.needed
    }
    minutes = profile.minutes.get(sweep.notebook)
    budgets = dict.fromkeys(parameters, minutes) if minutes else {}
    return sweep, before, replace(request, profile=profile.model_copy(update={"minutes": budgets}))


def _check_words(options: argparse.Namespace) -> None:
    """Words that say nothing beside a sweep are refused."""
    words = {
        "names of notebooks": options.notebooks,
        "--from": options.first,
        "--keep-going": options.keep_going,
    }
    for word, given in words.items():
        if given:
            why = "the file names the notebook, and other points always go on"
            raise Refused(f"--sweep: {why}; leave {word} out.")


def _check_settings(words: Sequence[str], sweep: Sweep, table: catalogue.Table) -> None:
    """What the sweep sets is not for -p."""
    swept = {column for point in sweep.points for column in point.columns()}
    for word in words:
        target, name, _ = settings.split_setting(word)
        targets = catalogue.resolve([target], table) if target else [sweep.notebook]
        column = name if sweep.notebook in targets else f"{targets[0]}.{name}"
        if column in swept:
            where = display_path(sweep.path)
            raise Refused(f"-p {word}: {name} is set by the sweep. Change it in {where}.")


def _parameters(
    point: Point,
    known: dict[str, catalogue.Notebook],
    profile: settings.Profile,
    words: Sequence[str],
    data: str,
    folder: Path,
) -> dict[str, dict[str, Any]]:
    """Parameters of a point's steps before, and of its notebook without its own values."""
    out = as_parameter(folder / "shared" / point.shared_name)
    result = settings.parameters_of(known, profile, words, data=data, out=out)
    result = given_paths.with_existing_paths(known, result)
    for name, values in point.shared.items():
        result[name] |= values
    return result


def _request_before(
    sweep: Sweep,
    point: Point,
    known: dict[str, catalogue.Notebook],
    parameters: dict[str, dict[str, Any]],
    request: Request,
) -> Request:
    """The steps before a point, as an ordinary run into a shared folder."""
    needed = sweep.needed
    return replace(
        request,
        table={name: list(known[name].needs) for name in needed},
        targets=needed,
        jobs={name: known[name] for name in needed},
        parameters={name: parameters[name] for name in needed},
        folder=request.folder / "shared" / point.shared_name,
        force=False,
    )


# What a person may ask before it starts


def listing(sweep: Sweep, request: Request, *, points: bool) -> list[str]:
    """Lines of --dry-run, and with `points` of --list: how many points, how long about, which."""
    entries = batch.read_run(request.folder)["notebooks"]
    # What changed since is found when the sweep runs.
    done = {name for name in request.jobs if entries.get(name, {}).get("status") == "finished"}
    seconds = [entries[name]["seconds"] for name in done if entries[name].get("seconds")]
    lines = [f"{sweep.title} ({sweep.source})" if sweep.source else sweep.title]
    lines += [sweep.note] if sweep.note else []
    where = f"profile {request.profile.name}, data {request.data}"
    where += f", into {display_path(request.folder)}"
    lines += [f"{len(sweep.points)} points of {sweep.notebook}, {where}"]
    if sweep.needed:
        count = len({point.shared_name for point in sweep.points})
        times = "times" if count > 1 else "time"
        lines += [f"steps before, {count} {times}: {', '.join(sweep.needed)}"]
    lines += [_estimate(len(sweep.points) - len(done), len(done), seconds, request)]
    for point in sweep.points if points else ():
        columns = ", ".join(f"{key}={value}" for key, value in point.columns().items())
        lines += [f"  {'done  ' if point.name in done else 'to run'}  {columns}"]
    return lines


def _estimate(count: int, done: int, seconds: list[float], request: Request) -> str:
    """How many points are done, how many are left, and how long that takes about."""
    words = f"{done} done, {count} to run"
    budget = next(iter(request.profile.minutes.values()), 0)
    each = statistics.median(seconds) if seconds else 60 * budget
    if not count or not each:
        return words
    basis = "as those before" if seconds else f"the budget of profile {request.profile.name}"
    at_once = min(request.parallel, count)
    about = progress.clock(count * each / at_once)
    return f"{words}: about {about} ({progress.clock(each)} a point, {basis}; {at_once} at once)"


# The run


def _run_locked(
    sweep: Sweep,
    before: dict[str, Request],
    request: Request,
    words: Sequence[str],
    stop: batch.Stop,
    held: int | None,
) -> int:
    folder = request.folder
    if not (folder / "exclude.csv").exists():
        files.write_text(folder / "exclude.csv", "subject,reason\n")
    print("\n".join(listing(sweep, request, points=False)))
    failed = _run_steps_before(before, words, stop, folder)
    if stop.signals:
        return batch.EXIT_CODES["interrupted"]
    ready = [point for point in sweep.points if point.shared_name not in failed]
    code, entries = 1, {}
    if ready:
        for point in ready:
            _link(folder / "shared" / point.shared_name, folder / "points" / point.name)
        code = Points(_only(request, ready), words, stop, held, sweep).run()
        entries = batch.read_run(folder)["notebooks"]
    sweep_results.write(sweep, folder, entries)
    for name in failed:
        where = display_path(folder / "shared" / name)
        print(f"steps before failed, so its points did not run: {where}")
    return code or int(bool(failed))


def _only(request: Request, points: Sequence[Point]) -> Request:
    """The request of some of the points."""
    names = [point.name for point in points]
    return replace(request, jobs={name: request.jobs[name] for name in names}, targets=tuple(names))


def _run_steps_before(
    before: dict[str, Request], words: Sequence[str], stop: batch.Stop, root: Path
) -> list[str]:
    """Runs the steps before into each shared folder; names of those that failed."""
    failed = []
    for name, request in before.items():
        if stop.signals:
            break
        request.folder.mkdir(parents=True, exist_ok=True)
        _point_to(request.folder / "exclude.csv", root / "exclude.csv")
        print(f"\nsteps before: {name}")
        if batch.run_locked(request, words, stop):
            failed.append(name)
    print()
    return failed


def _link(shared: Path, point: Path) -> None:
    """Links what the steps before made into a point's folder, where its notebook looks for it."""
    point.mkdir(parents=True, exist_ok=True)
    for entry in sorted(shared.iterdir()) if shared.is_dir() else []:
        if entry.name.startswith(".") or entry.name in LEFT_OUT:
            continue
        for path in sorted(entry.iterdir()) if entry.name in LINKED else [entry]:
            if not path.name.startswith("."):
                _point_to(point / path.relative_to(shared), path)


def _point_to(link: Path, target: Path) -> None:
    """Makes a relative link, or leaves the right one."""
    wanted = os.path.relpath(target, link.parent)
    if link.is_symlink() and os.readlink(link) == wanted:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(wanted)


class Points(batch.Batch):
    """The points as jobs: each works in its own folder and waits for the results in its shared one.

    Args:
        request: the points.
        words: of the command line.
        stop: how it is stopped from outside.
        held: descriptor of the lock.
        sweep: the sweep.
    """

    def __init__(
        self,
        request: Request,
        words: Sequence[str],
        stop: batch.Stop,
        held: int | None,
        sweep: Sweep,
    ):
        self.sweep, self.points = sweep, {point.name: point for point in sweep.points}
        super().__init__(request, words, stop, held)

    def _place(self, name: str) -> tuple[str, str]:
        return os.path.join("points", name), self.sweep.notebook

    def _job(self, name: str, missing: Sequence[str]) -> dict[str, Any]:
        results = f"shared/{self.points[name].shared_name}/results"
        needs = [f"{results}/{need}.json" for need in self.sweep.needed]
        return super()._job(name, missing) | {"needs": needs}

    def _on_end(self, name: str, status: str, **fields: Any) -> None:
        super()._on_end(name, status, **fields)
        ended = [self._entry(point)["status"] for point in self.request.jobs]
        failed = f", {ended.count('failed')} failed" if "failed" in ended else ""
        self.display.say(f"  {ended.count('finished')} of {len(ended)} points done{failed}")

    def _command(self, *names: str) -> str:
        return f"./run_all.sh {self.request.repeat_options}"

    def _begin_run(self) -> None:
        super()._begin_run()
        self.run_json["sweep"] = {
            "title": self.sweep.title,
            "source": self.sweep.source,
            "notebook": self.sweep.notebook,
            "points": {name: point.columns() for name, point in self.points.items()},
        }
        self._write_run()
