"""The command line of ./run_all.sh: what may be asked, checked before anything starts, and what can be listed."""

import argparse
import difflib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from brainlib import record as runs
from brainlib.run import parameters as arguments
from brainlib.run.parameters import Refused

ABOUT = """Executes the notebooks in the order of their needs; what is unchanged is skipped, what is stale says why.
Without names it runs all of them. A named notebook runs with what it needs."""
EXAMPLES = """examples:
  ./run_all.sh                                    all notebooks on the synthetic heads
  ./run_all.sh --data ixi-sample --profile smoke  the ten real heads, under a minute a notebook
  ./run_all.sh 04 -p epochs=3 -p 04_vae.beta=0.5  one notebook and what it needs, with other parameters
  ./run_all.sh --sweep 004_corrupted -j 2         a table of experiments, two trainings at a time (add --dry-run first)
  ./run_all.sh --list                             notebooks, what they need, their parameters

exit codes: 0 all done, 1 something failed or the run folder is in use, 2 bad arguments (nothing was started), 130 interrupted"""


@dataclass(frozen=True)
class Request:
    """What was asked for, checked.

    table: notebook -> needs; targets: notebooks asked for; jobs: notebooks that this run considers, by name; taken: needed
    notebooks that --from takes as they are; parameters: by notebook; data: as the notebooks get it.
    """

    table: dict
    targets: tuple
    jobs: dict
    taken: tuple
    profile: arguments.Profile
    parameters: dict
    data: str
    folder: Path
    force: bool
    keep_going: bool
    parallel: int
    dry_run: bool
    again: str


class _Parser(argparse.ArgumentParser):
    """Unknown options are refused in one line, with 'did you mean'."""

    def error(self, message):
        raise Refused(message)


def parser():
    """The parser of ./run_all.sh."""
    result = _Parser(
        prog="./run_all.sh",
        description=ABOUT,
        epilog=EXAMPLES,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = result.add_argument
    add("notebooks", nargs="*", metavar="NOTEBOOK", help="04, 04_vae, vae or a file name")
    add(
        "--data",
        default="phantom",
        metavar="D[,D2]",
        help="phantom (default), ixi-sample, ixi, a folder, or several of them",
    )
    add(
        "--profile",
        default="quick",
        metavar="NAME",
        help="how much is done: smoke, quick (default), standard, paper",
    )
    add(
        "-p",
        dest="settings",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a parameter of every notebook that has it; 04_vae.NAME=VALUE for one notebook",
    )
    add("--out", metavar="DIR", help="run folder (default: outputs/PROFILE-DATA)")
    add(
        "--from",
        dest="first",
        metavar="NN",
        help="take the results of earlier notebooks as they are",
    )
    add(
        "--force",
        action="store_true",
        help="run the named notebooks (or all) even if nothing changed",
    )
    add(
        "--keep-going",
        action="store_true",
        help="after a failure, still write the report, from what is there",
    )
    add(
        "-j",
        dest="parallel",
        metavar="N",
        help="notebooks at the same time; they share the cores (default 2; 1 with one core, under 8 GB or with an NVIDIA GPU)",
    )
    add(
        "--sweep",
        metavar="FILE",
        help="run one notebook over a grid of parameters: a YAML file, or a name of notebooks/sweeps",
    )
    add(
        "--list",
        action="store_true",
        help="print notebooks, needs, budgets and parameters, and stop",
    )
    add("--dry-run", action="store_true", help="print what would run and why, and stop")
    add(
        "--prepare",
        action="store_true",
        help="prepare the environment and stop (must be the first word)",
    )
    return result


def read(words):
    """The options, as argparse gives them. Raises Refused for what it does not know."""
    shape = parser()
    options, unknown = shape.parse_known_intermixed_args(words)
    if unknown:
        known = [name for action in shape._actions for name in action.option_strings]
        close = difflib.get_close_matches(unknown[0].split("=")[0], known, n=1, cutoff=0.5)
        raise Refused(
            f"{unknown[0]}: there is no such option."
            + (f" Did you mean {close[0]}?" if close else " See --help.")
        )
    if options.prepare:
        raise Refused("--prepare: expected it as the first word.")
    return options


def check(options):
    """Turns options into a Request; raises Refused where anything in it cannot be. Writes nothing."""
    table, apart = (
        arguments.read_table(runs.NOTEBOOKS / "Snakefile"),
        arguments.read_apart(runs.NOTEBOOKS / "Snakefile"),
    )
    targets = arguments.resolve(options.notebooks, table) or [
        name for name in table if name not in apart
    ]
    wanted = arguments.with_needs(targets, table)
    first = arguments.resolve([options.first], table)[0] if options.first else wanted[0]
    taken = [name for name in wanted if list(table).index(name) < list(table).index(first)]
    considered = [name for name in wanted if name not in taken]
    if not considered:
        raise Refused(f"--from {options.first}: nothing of {', '.join(targets)} is left to run.")
    present = {name for name in table if (runs.NOTEBOOKS / f"{name}.ipynb").exists()} | set(
        considered
    )
    notebooks = arguments.read_notebooks([name for name in table if name in present], table)
    profile = arguments.read_profile(options.profile, table, notebooks)
    data = check_data(options.data)
    folder = check_folder(options.out, profile.name, data)
    lacking = [
        name
        for name in taken
        if any(name in table[later] for later in considered)
        and not (folder / "results" / f"{name}.json").exists()
    ]
    if lacking:
        raise Refused(
            f"--from {options.first}: {shown(folder)} has no result of {', '.join(lacking)}. Leave --from out."
        )
    jobs = {name: notebooks[name] for name in considered}
    inside = folder.is_relative_to(runs.NOTEBOOKS.parent)
    parameters = arguments.parameters_of(
        jobs,
        profile,
        options.settings,
        data=data,
        out=os.path.relpath(folder, runs.NOTEBOOKS) if inside else str(folder),
    )
    parallel = check_parallel(options.parallel)
    targets = [name for name in targets if name in jobs]
    table = {name: needs for name, needs in table.items() if name in wanted or name not in apart}
    return Request(
        table,
        tuple(targets),
        jobs,
        tuple(taken),
        profile,
        parameters,
        data,
        folder,
        options.force,
        options.keep_going,
        parallel,
        options.dry_run,
        _again(options),
    )


def usual_parallel():
    """Two notebooks at a time where there is room: alone, one that traces networks and draws figures keeps one core busy.

    One with an NVIDIA GPU, of which TensorFlow takes the whole memory.
    """
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    gpu = (
        os.environ.get("CUDA_VISIBLE_DEVICES", "all") not in ("", "-1")
        and Path("/dev/nvidia0").exists()
    )
    return 2 if len(os.sched_getaffinity(0)) > 1 and gigabytes >= 8 and not gpu else 1


def check_parallel(text):
    """The whole number given to -j, or the usual one."""
    if text is None:
        return usual_parallel()
    if not text.isdecimal() or int(text) < 1:
        raise Refused(f"-j {text}: expected a whole number above 0.")
    return int(text)


def check_data(text):
    """The data sources as notebooks get them, folders absolute. Raises Refused for a source that does not exist."""
    sources = []
    for source in [piece.strip() for piece in text.split(",")]:
        if source in arguments.DATA:
            sources.append(source)
        elif source and Path(source).is_dir():
            absolute = str(Path(source).resolve())
            if "," in absolute:
                raise Refused(
                    f"--data {source}: a comma separates sources, so a folder's path cannot hold one. Rename it."
                )
            if not any(
                path.name.lower().endswith((".nii", ".nii.gz", ".csv"))
                for path in Path(source).rglob("*")
            ):
                raise Refused(
                    f"--data {source}: expected NIfTI files (.nii, .nii.gz) somewhere in this folder, found none. Convert the scans first, "
                    "for instance with dcm2niix."
                )
            sources.append(absolute)
        else:
            raise Refused(
                f"--data {source or text!r}: expected {', '.join(arguments.DATA)} or an existing folder."
                + _like_folder(source)
            )
    if len(set(sources)) < len(sources):
        raise Refused(f"--data {text}: a source is named twice.")
    return ",".join(sources)


def _like_folder(source):
    path = Path(source)
    beside = (
        [str(path.parent / other.name) for other in path.parent.iterdir() if other.is_dir()]
        if path.parent.is_dir()
        else []
    )
    close = difflib.get_close_matches(str(path), [*arguments.DATA, *beside], n=1, cutoff=0.5)
    return f" Did you mean {close[0]}?" if close else ""


def check_folder(out, profile, data, *, sweep=False):
    """The run folder, absolute: a new one, an empty one or that of an earlier run (or sweep)."""
    if out is None:
        names = "+".join(Path(source).name for source in data.split(","))
        out = runs.NOTEBOOKS.parent / "outputs" / f"{profile}-{names}"
    folder = Path(out).resolve()
    if set("{}") & set(str(folder)):  # Snakemake and papermill take them for placeholders
        raise Refused(f"--out {folder}: expected a path without braces. Give another one.")
    if folder.exists() and not folder.is_dir():
        raise Refused(f"--out {out}: expected a folder, found a file.")
    if (
        folder.exists()
        and any(folder.iterdir())
        and not any(
            (folder / name).exists() for name in ("run.json", "results", "shared", "points")
        )
    ):
        raise Refused(
            f"--out {out}: expected a new folder, an empty one or one of an earlier run; this holds something else."
        )
    if sweep != (folder / "points").is_dir() and (folder / "run.json").exists():
        kinds = ("a sweep", "a run") if sweep else ("a run", "a sweep")
        raise Refused(
            f"--out {out}: expected a folder of {kinds[0]}, this is one of {kinds[1]}. Give another one."
        )
    return folder


def shown(path):
    """A path as a person would write it from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def _again(options):
    """The options of a command that does the same again, without the names of notebooks."""
    words = ["--data", options.data] if options.data != "phantom" else []
    words += ["--profile", options.profile] if options.profile != "quick" else []
    words += [word for setting in options.settings for word in ("-p", setting)]
    words += ["--out", options.out] if options.out else []
    words += ["-j", options.parallel] if options.parallel else []
    return shlex.join(words)


def listing(options):
    """Lines of --list: notebooks with title, needs, budget, parameters with defaults and comments."""
    table = arguments.read_table(runs.NOTEBOOKS / "Snakefile")
    names = arguments.resolve(options.notebooks, table) or list(table)
    names = [name for name in names if (runs.NOTEBOOKS / f"{name}.ipynb").exists()]
    notebooks = arguments.read_notebooks(names, table)
    profile = arguments.read_profile(options.profile, table, notebooks)
    lines = [
        f"profiles: {', '.join(arguments.profiles())}; values below are those of {profile.name}"
    ]
    for name, notebook in notebooks.items():
        budget = f", budget {profile.minutes[name]:g} min" if name in profile.minutes else ""
        lines += [
            "",
            f"{name}  {notebook.title}",
            f"    needs {', '.join(notebook.needs) or 'nothing'}{budget}",
        ]
        for parameter in notebook.parameters.values():
            if parameter.name in arguments.OWN_OPTION:
                continue
            value = profile.own.get(name, {}).get(
                parameter.name, profile.common.get(parameter.name, parameter.default)
            )
            lines.append(f"    -p {parameter.name + '=' + _shown(value):28} {parameter.comment}")
    return lines


def _shown(value):
    return value if isinstance(value, str) and value.strip() else repr(value)
