"""./run_all.sh --sweep: the steps before once, then a job a point, on the same Snakemake and executor as any run.

A sweep's folder holds `shared/<name>/` (an ordinary run folder with the steps before; usually one), `points/<name>/` (a
run folder a point, whose first steps are links into the shared one), `run.json`, and what `sweep_results` makes of them.
"""

import os
import shlex
import statistics
import sys
from dataclasses import replace
from pathlib import Path

from brainlib import files
from brainlib import record as runs
from brainlib.run import batch, command, progress, sweep_results, sweeps
from brainlib.run import parameters as arguments
from brainlib.run.command import shown
from brainlib.run.parameters import Refused

LINKED = ("results", "tables", "models", "figures")  # folders whose entries are linked one by one
LEFT_OUT = ("run.json", "logs", "notebooks", "exclude.csv")


def main(options, words):
    """Runs, plans or lists a sweep; returns the exit code. Raises Refused before anything starts."""
    sweep, requests, request = check(options)
    if options.list or options.dry_run:
        print("\n".join(listing(sweep, request, points=options.list)))
        return 0
    return batch.guarded(
        lambda stop: _locked(sweep, requests, request, words, stop),
        interrupted="Interrupted; what is done stays done.",
    )


def check(options):
    """(Sweep, requests of the steps before by the name of their folder, request of the points). Writes nothing."""
    for given, said in (
        (options.notebooks, "names of notebooks"),
        (options.first, "--from"),
        (options.keep_going, "--keep-going"),
    ):
        if given:
            raise Refused(
                f"--sweep: the file names the notebook, and other points always go on; leave {said} out."
            )
    path = sweeps.find(options.sweep)
    table = arguments.read_table(runs.NOTEBOOKS / "Snakefile")
    present = [name for name in table if (runs.NOTEBOOKS / f"{name}.ipynb").exists()]
    notebooks = arguments.read_notebooks(present, table)
    sweep = sweeps.read(path, table, notebooks)
    profile = arguments.read_profile(options.profile, table, notebooks)
    data, parallel = command.check_data(options.data), command.check_parallel(options.parallel)
    folder = command.check_folder(
        options.out or runs.NOTEBOOKS.parent / "outputs" / _folder_name(sweep, profile, data),
        profile.name,
        data,
        sweep=True,
    )
    swept = {name for point in sweep.points for name in point.columns()}
    for setting in options.settings:
        target, name, _ = arguments.split_setting(setting)
        own = not target or sweep.notebook in arguments.resolve([target], table)
        if (name if own else f"{arguments.resolve([target], table)[0]}.{name}") in swept:
            raise Refused(f"-p {setting}: {name} is set by the sweep. Change it in {shown(path)}.")
    known = {name: notebooks[name] for name in (*sweep.needed, sweep.notebook)}
    common = {
        "profile": profile,
        "data": data,
        "force": options.force,
        "parallel": parallel,
        "dry_run": False,
        "taken": (),
        "again": _again(options),
    }
    parameters = {}  # by folder: of the steps before and of the notebook
    for point in sweep.points:
        place = folder / "shared" / point.shared_name
        mine = arguments.parameters_of(
            known, profile, options.settings, data=data, out=_relative(place)
        )
        parameters[point.name] = {
            **mine,
            **{name: {**mine[name], **values} for name, values in point.shared.items()},
        }
    requests = {
        point.shared_name: _request_before(sweep, known, folder, parameters[point.name], common)
        for point in sweep.points
        if sweep.needed
    }
    for point in sweep.points:
        parameters[point.name] = {
            **parameters[point.name][sweep.notebook],
            **point.values,
            "out": _relative(folder / "points" / point.name),
        }
    minutes = profile.minutes.get(sweep.notebook)
    request = command.Request(
        table={point.name: [] for point in sweep.points},
        targets=tuple(parameters),
        jobs={name: known[sweep.notebook] for name in parameters},
        parameters=parameters,
        folder=folder,
        keep_going=False,
        **{
            **common,
            "profile": replace(
                profile, minutes=dict.fromkeys(parameters, minutes) if minutes else {}
            ),
        },
    )
    return sweep, requests, request


def _request_before(sweep, known, folder, parameters, common):
    own = Path(parameters[sweep.notebook]["out"]).name
    return command.Request(
        table={
            name: [need for need in known[name].needs if need in sweep.needed]
            for name in sweep.needed
        },
        targets=sweep.needed,
        jobs={name: known[name] for name in sweep.needed},
        parameters={name: parameters[name] for name in sweep.needed},
        folder=folder / "shared" / own,
        keep_going=False,
        **{**common, "force": False},
    )


def _folder_name(sweep, profile, data):
    return f"sweep-{sweep.path.stem}-{profile.name}-" + "+".join(
        Path(source).name for source in data.split(",")
    )


def _relative(folder):
    """A run folder as a notebook takes it."""
    inside = folder.is_relative_to(runs.NOTEBOOKS.parent)
    return os.path.relpath(folder, runs.NOTEBOOKS) if inside else str(folder)


def _again(options):
    words = shlex.split(command._again(options))
    return shlex.join(["--sweep", options.sweep, *words])


# What a person may ask before it starts


def listing(sweep, request, *, points):
    """Lines of --dry-run, and with `points` of --list: how many points, how long about, which."""
    before = sorted({point.shared_name for point in sweep.points})
    done, seconds = _done(request)
    lines = [f"{sweep.title} ({sweep.source})" if sweep.source else sweep.title]
    lines += [sweep.note] if sweep.note else []
    lines += [
        f"{len(sweep.points)} points of {sweep.notebook}, profile {request.profile.name}, data {request.data}, into {shown(request.folder)}"
    ]
    if sweep.needed:
        lines += [
            f"steps before, {len(before)} time{'s' if len(before) > 1 else ''}: {', '.join(sweep.needed)}"
        ]
    lines += [_estimate(len(sweep.points) - len(done), done, seconds, request)]
    if points:
        lines += [
            f"  {'done  ' if point.name in done else 'to run'}  "
            + ", ".join(f"{key}={value}" for key, value in point.columns().items())
            for point in sweep.points
        ]
    return lines


def _done(request):
    """Names of the points that have a result here, and their seconds; what changed since is found when the sweep runs."""
    entries = batch.read_record(request.folder).get("notebooks", {})
    done = {name for name in request.jobs if entries.get(name, {}).get("status") == "finished"}
    return done, [entries[name]["seconds"] for name in done if entries[name].get("seconds")]


def _estimate(count, done, seconds, request):
    budget = next(iter(request.profile.minutes.values()), None)
    each = statistics.median(seconds) if seconds else budget and 60 * budget
    said = f"{len(done)} done, {count} to run"
    if not count or not each:
        return said
    basis = "as those before" if seconds else f"the budget of profile {request.profile.name}"
    at_once = min(request.parallel, count)
    return f"{said}: about {progress.clock(count * each / at_once)} ({progress.clock(each)} a point, {basis}; {at_once} at once)"


# The run


def _locked(sweep, requests, request, words, stop):
    folder = request.folder
    folder.mkdir(parents=True, exist_ok=True)
    with runs.lock(folder, ".lock") as held, runs.lock(folder, ".lock-jobs") as jobs_held:
        if not (held and jobs_held):
            print(
                f"run_all.sh: {shown(folder)} is in use by another run. Wait until it has ended, or give --out.",
                file=sys.stderr,
            )
            return 1
        batch.release(jobs_held)
        if not (folder / "exclude.csv").exists():
            files.write_text(folder / "exclude.csv", "subject,reason\n")
        print("\n".join(listing(sweep, request, points=False)))
        failed = _steps_before(requests, words, stop, folder)
        if stop.asked:
            return 130
        ready = [point for point in sweep.points if point.shared_name not in failed]
        for point in ready:
            _link(folder / "shared" / point.shared_name, folder / "points" / point.name)
        code = _points(sweep, ready, request, words, stop, held) if ready else 1
        sweep_results.write(sweep, folder, batch.read_record(folder)["notebooks"] if ready else {})
        for name in failed:
            print(
                f"steps before failed, so its points did not run: {shown(folder / 'shared' / name)}"
            )
        return code or int(bool(failed))


def _points(sweep, ready, request, words, stop, held):
    names = {point.name for point in ready}
    request = replace(
        request,
        jobs={name: job for name, job in request.jobs.items() if name in names},
        targets=tuple(name for name in request.targets if name in names),
    )
    return Points(request, words, stop, held, sweep).run()


def _steps_before(requests, words, stop, root):
    """Runs the steps before into each shared folder; names of those that failed."""
    failed = []
    for name, request in requests.items():
        if stop.asked:
            break
        request.folder.mkdir(parents=True, exist_ok=True)
        _point_to(request.folder / "exclude.csv", root / "exclude.csv")
        print(f"\nsteps before: {name}")
        if batch.run_locked(request, words, stop):
            failed.append(name)
    print()
    return failed


def _link(shared, point):
    """Links what the steps before made into a point's folder, where its notebook looks for it."""
    point.mkdir(parents=True, exist_ok=True)
    for entry in sorted(shared.iterdir()) if shared.is_dir() else []:
        if entry.name.startswith(".") or entry.name in LEFT_OUT:
            continue
        for path in sorted(entry.iterdir()) if entry.name in LINKED else [entry]:
            if not path.name.startswith("."):
                _point_to(point / path.relative_to(shared), path)


def _point_to(link, target):
    """Makes a relative link, or leaves the right one."""
    wanted = os.path.relpath(target, link.parent)
    if link.is_symlink() and os.readlink(link) == wanted:
        return
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(wanted)


class Points(batch.Batch):
    """The points as jobs: each works in its own folder and waits for the results in its shared one."""

    def __init__(self, request, words, stop, held, sweep):
        self.sweep, self.point = sweep, {point.name: point for point in sweep.points}
        super().__init__(request, words, stop, held)

    def _place(self, name):
        return os.path.join("points", name), self.sweep.notebook

    def _job(self, name):
        return {
            "needs": [
                f"shared/{self.point[name].shared_name}/results/{need}.json"
                for need in self.sweep.needed
            ]
        }

    def _on_end(self, name, status, **fields):
        super()._on_end(name, status, **fields)
        ended = [self._entry(point)["status"] for point in self.request.jobs]
        self.display.say(
            f"  {ended.count('finished')} of {len(ended)} points done"
            + (f", {ended.count('failed')} failed" if "failed" in ended else "")
        )

    def _command(self, *names):
        return f"./run_all.sh {self.request.again}"

    def _begin_record(self):
        super()._begin_record()
        self.record["sweep"] = {
            "title": self.sweep.title,
            "source": self.sweep.source,
            "notebook": self.sweep.notebook,
            "points": {name: point.columns() for name, point in self.point.items()},
        }
        self._write_record()
