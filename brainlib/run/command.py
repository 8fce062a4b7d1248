"""The command line of ./run_all.sh: what may be asked, checked before anything starts."""

import argparse
import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from brainlib import record
from brainlib.heads import formats
from brainlib.run import catalogue, given_paths, settings
from brainlib.run.catalogue import Notebook, Table
from brainlib.run.refused import Refused, closest
from brainlib.run.settings import Profile

DATA = ("phantom", "ixi-sample", "ixi-hh", "ixi")
THREADS = 1  # a notebook, on every machine: with more, the last digits are others
MOST_PARALLEL, GIGABYTES_EACH = 4, 4  # notebooks at a time: more do not wait for nothing
SCANS = (".nii", ".nii.gz", ".csv")
REPORT_WORDS = ("author", "title", "place")
# One of these; .lock alone where a run was stopped before it began.
RUN_FOLDER_HAS = ("run.json", "results", "shared", "points", "lab", ".lock")
ABOUT = """\
Executes the notebooks in the order of their needs; what is unchanged is skipped, what is stale
says why. Without names it runs all of them. A named notebook runs with what it needs."""
EXAMPLES = """\
examples:
  ./run_all.sh                                    all notebooks on the synthetic heads
  ./run_all.sh --data ixi-sample --profile smoke  the ten real heads, under a minute a notebook
  ./run_all.sh 04 -p steps=100 -p 04_vae.beta=0.5  one notebook and what it needs, other parameters
  ./run_all.sh --sweep 004_corrupted -j 2         a table of experiments, two trainings at a time
                                                  (add --dry-run first)
  ./run_all.sh --report pdf --author "A. Person"  the report again, as PDF, from the last run
  ./run_all.sh --lab 05                           JupyterLab at 05, with the networks of the run
  ./run_all.sh --pages                            the run as pages for the web
  ./run_all.sh --list                             notebooks, what they need, their parameters

exit codes: 0 all done, 1 something failed or the run folder is in use,
2 bad arguments (nothing was started), 130 interrupted"""


@dataclass(frozen=True)
class Request:
    """What was asked for, checked.

    Attributes:
        table: notebook -> the notebooks that it needs.
        targets: the notebooks that were asked for.
        jobs: the notebooks that this run considers, by name.
        earlier: needed notebooks whose results --from takes as they are.
        profile: budgets and time-outs.
        parameters: parameters of each job, by name.
        data: the data sources, as the notebooks get them.
        folder: the run folder.
        force: run the targets even if nothing changed.
        keep_going: after a failure, still write the report.
        parallel: how many notebooks run at the same time.
        threads: with how many a notebook computes; its numbers depend on it.
        dry_run: only say what would run.
        repeat_options: the options of a command that does the same again.
    """

    table: Table
    targets: tuple[str, ...]
    jobs: dict[str, Notebook]
    earlier: tuple[str, ...]
    profile: Profile
    parameters: dict[str, dict[str, Any]]
    data: str
    folder: Path
    force: bool
    keep_going: bool
    parallel: int
    threads: int
    dry_run: bool
    repeat_options: str


class _Parser(argparse.ArgumentParser):
    """Unknown options are refused in one line, with 'did you mean'."""

    def error(self, message: str) -> NoReturn:
        raise Refused(message)


def parser() -> argparse.ArgumentParser:
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
    words = "phantom (default), ixi-sample, ixi-hh, ixi, a folder, or several of them"
    add("--data", default="phantom", metavar="D[,D2]", help=words)
    words = "how much is done: smoke, quick (default), standard, paper, paper-000 ... paper-004"
    add("--profile", default="quick", metavar="NAME", help=words)
    words = "a parameter of every notebook that has it; 04_vae.NAME=VALUE for one notebook"
    add("-p", dest="settings", action="append", default=[], metavar="NAME=VALUE", help=words)
    add("--out", metavar="DIR", help="run folder (default: outputs/PROFILE-DATA)")
    words = "take the results of earlier notebooks as they are"
    add("--from", dest="first", metavar="NN", help=words)
    words = "run the named notebooks (or all) even if nothing changed"
    add("--force", action="store_true", help=words)
    words = "after a failure, still write the report, from what is there"
    add("--keep-going", action="store_true", help=words)
    words = "the report says sex, age and size of people by name (-p with_participants=true)"
    add("--with-participants", action="store_true", help=words)
    words = f"notebooks at the same time; changes no numbers (default: up to {MOST_PARALLEL}, one "
    words += f"for each core and each {GIGABYTES_EACH} GB; 1 with an NVIDIA GPU)"
    add("-j", dest="parallel", metavar="N", help=words)
    words = "of each notebook, for machines with many cores; other threads give other last digits, "
    words += f"so what was made with others runs again (default {THREADS})"
    add("--threads", metavar="N", help=words)
    words = "run one notebook over a grid of parameters: a YAML file, or a name of notebooks/sweeps"
    add("--sweep", metavar="FILE", help=words)
    words = "write the report again from what the run folder holds, in these forms, and stop "
    words += "(html, pdf, docx; default all); with --compare, of two or more run folders"
    add("--report", nargs="?", const="html,pdf,docx", metavar="FORMS", help=words)
    add("--compare", nargs="+", metavar="DIR", default=[], help="run folders, after --report")
    for name, what in (("author", "who hands it in"), ("title", "its title"), ("place", "where")):
        add(f"--{name}", metavar="TEXT", help=f"of the report: {what}")
    words = (
        "write the chapters for students (blanks) and for instructors (solutions) into a folder, "
    )
    words += "and stop"
    add("--teach", metavar="DIR", help=words)
    words = "open JupyterLab at the start page, or at the named notebook, to go on from the run; "
    words += "Ctrl-C ends it"
    add("--lab", action="store_true", help=words)
    words = "write the executed notebooks, the report and the glossary of the run as pages for the "
    words += "web, which need no network, into its folder pages/, and stop"
    add("--pages", action="store_true", help=words)
    words = "print notebooks, needs, budgets and parameters, and stop"
    add("--list", action="store_true", help=words)
    add("--dry-run", action="store_true", help="print what would run and why, and stop")
    words = "prepare the environment and stop (must be the first word)"
    add("--prepare", action="store_true", help=words)
    return result


def read(words: Sequence[str]) -> argparse.Namespace:
    """The options, as argparse gives them. Raises Refused for what it does not know."""
    for word in words:
        if not word.isprintable() and word != word.encode(errors="replace").decode():
            raise Refused(f"{ascii(word)}: expected text in UTF-8. Rename the file or the folder.")
    shape = parser()
    options, unknown = shape.parse_known_intermixed_args(words)
    if unknown:
        known = re.findall(r"--?[a-z-]+", shape.format_usage())
        hint = closest(unknown[0].split("=")[0], known) or " See --help."
        raise Refused(f"{unknown[0]}: there is no such option.{hint}")
    if options.prepare:
        raise Refused("--prepare: expected it as the first word.")
    if not options.report:
        _refuse_without_report(options)
        named = [(name, getattr(options, name)) for name in REPORT_WORDS]
        options.settings = [*options.settings, *(f"{name}={text}" for name, text in named if text)]
    if options.with_participants and not options.report:
        options.settings = [*options.settings, "with_participants=true"]
    return options


def _refuse_without_report(options: argparse.Namespace) -> None:
    if options.compare:
        raise Refused("--compare: expected it after --report, as in --report html --compare A B.")


def check(options: argparse.Namespace) -> Request:
    """Turns options into a Request, or raises Refused; writes nothing."""
    snakefile = record.NOTEBOOKS / "Snakefile"
    table, apart = catalogue.read_table(snakefile), record.read_apart(snakefile)
    targets = catalogue.resolve(options.notebooks, table)
    targets = targets or [name for name in table if name not in apart]
    wanted = catalogue.with_needs(targets, table)
    jobs, earlier = _from_first(options.first, wanted, table)
    if not jobs:
        raise Refused(f"--from {options.first}: nothing of {', '.join(targets)} is left to run.")
    there = {*catalogue.present(table), *jobs}
    found = catalogue.read_notebooks([name for name in table if name in there], table)
    profile = settings.read_profile(options.profile, table, found)
    data = check_data(options.data)
    folder = check_folder(options.out, profile.name, data)
    _check_earlier(options.first, earlier, jobs, table, folder)
    considered = {name: found[name] for name in jobs}
    parameters = settings.parameters_of(
        considered, profile, options.settings, data=data, out=as_parameter(folder)
    )
    return Request(
        table={name: table[name] for name in table if name in wanted or name not in apart},
        targets=tuple(name for name in targets if name in considered),
        jobs=considered,
        earlier=tuple(earlier),
        profile=profile,
        parameters=given_paths.with_existing_paths(considered, parameters),
        data=data,
        folder=folder,
        force=options.force,
        keep_going=options.keep_going,
        parallel=check_parallel(options.parallel),
        threads=check_threads(options.threads),
        dry_run=options.dry_run,
        repeat_options=repeat_options(options),
    )


def _from_first(first: str | None, wanted: list[str], table: Table) -> tuple[list, list]:
    """The notebooks to run, and those before --from, whose results are taken as they are."""
    start = catalogue.resolve([first], table)[0] if first else wanted[0]
    order = list(table)
    jobs = [name for name in wanted if order.index(name) >= order.index(start)]
    return jobs, [name for name in wanted if name not in jobs]


def _check_earlier(
    first: str | None, earlier: list[str], jobs: list[str], table: Table, folder: Path
) -> None:
    needed = {need for name in jobs for need in table[name]}
    lacking = [
        name
        for name in earlier
        if name in needed and not (folder / "results" / f"{name}.json").exists()
    ]
    if lacking:
        where = f"{display_path(folder)} has no result of {', '.join(lacking)}"
        raise Refused(f"--from {first}: {where}. Leave --from out.")


def as_parameter(folder: Path) -> str:
    """A run folder as a notebook takes it: relative to notebooks/ inside the project."""
    inside = folder.is_relative_to(record.NOTEBOOKS.parent)
    return os.path.relpath(folder, record.NOTEBOOKS) if inside else str(folder)


def usual_parallel() -> int:
    """As many notebooks at a time as there is room for; how many changes no numbers.

    One with an NVIDIA GPU, of which TensorFlow takes the whole memory.
    """
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "all") not in ("", "-1")
    gpu = visible and Path("/dev/nvidia0").exists()
    room = min(MOST_PARALLEL, len(os.sched_getaffinity(0)), int(gigabytes // GIGABYTES_EACH))
    return 1 if gpu else max(1, room)


def check_parallel(text: str | None) -> int:
    """The whole number given to -j, or the usual one."""
    if text is None:
        return usual_parallel()
    return _check_count("-j", text)


def check_threads(text: str | None) -> int:
    """The whole number given to --threads, or the usual one, which is the same everywhere."""
    return THREADS if text is None else _check_count("--threads", text)


def _check_count(option: str, text: str) -> int:
    if not re.fullmatch("[0-9]{1,4}", text) or int(text) < 1:
        raise Refused(f"{option} {text}: expected a whole number from 1 to 9999.")
    return int(text)


def check_data(text: str) -> str:
    """The data sources as notebooks get them, folders absolute; refuses one that does not exist."""
    sources = [_check_source(piece.strip(), text) for piece in text.split(",")]
    if len(set(sources)) < len(sources):
        raise Refused(f"--data {text}: a source is named twice.")
    return ",".join(sources)


def _check_source(source: str, text: str) -> str:
    if source in DATA:
        return source
    if not source or not Path(source).is_dir():
        hint = closest(Path(source), [*DATA, *_folders_beside(Path(source))])
        wanted = f"{', '.join(DATA)} or an existing folder"
        raise Refused(f"--data {source or text!r}: expected {wanted}.{hint}")
    absolute = str(Path(source).resolve())
    if not absolute.isprintable():
        raise Refused(f"--data {source!r}: expected a path of printable characters. Rename it.")
    if "," in absolute:
        why = "a comma separates sources, so a folder's path cannot hold one"
        raise Refused(f"--data {source}: {why}. Rename it.")
    if not any(path.name.lower().endswith(SCANS) for path in Path(source).rglob("*")):
        wanted = "expected NIfTI files (.nii, .nii.gz) somewhere in this folder, found none"
        others = formats.scans_of_other_formats(Path(source))
        what_to_do = others or "Convert the scans first, for instance with dcm2niix."
        raise Refused(f"--data {source}: {wanted}. {what_to_do}")
    return absolute


def _folders_beside(path: Path) -> list[str]:
    if not path.parent.is_dir():
        return []
    return [str(path.parent / other.name) for other in path.parent.iterdir() if other.is_dir()]


def check_folder(out: Path | str | None, profile: str, data: str, *, sweep: bool = False) -> Path:
    """The run folder, absolute: a new one, an empty one or that of an earlier run (or sweep)."""
    if out is None:
        out = record.NOTEBOOKS.parent / "outputs" / f"{profile}-{names_of(data)}"
    folder = Path(out).resolve()
    if set("{}") & set(str(folder)):  # Snakemake and papermill take them for placeholders
        raise Refused(f"--out {folder}: expected a path without braces. Give another one.")
    try:
        folder.exists()
    except OSError as error:  # a name that is too long
        raise Refused(f"--out {out}: expected a path ({error.strerror}). Give another.") from None
    if folder.exists() and not folder.is_dir():
        raise Refused(f"--out {out}: expected a folder, found a file.")
    of_a_run = any((folder / name).exists() for name in RUN_FOLDER_HAS)
    if folder.exists() and any(folder.iterdir()) and not of_a_run:
        wanted = "expected a new folder, an empty one or one of an earlier run"
        raise Refused(f"--out {out}: {wanted}; this holds something else.")
    if sweep != (folder / "points").is_dir() and (folder / "run.json").exists():
        wanted, found = ("a sweep", "a run") if sweep else ("a run", "a sweep")
        words = f"expected a folder of {wanted}, this is one of {found}"
        raise Refused(f"--out {out}: {words}. Give another one.")
    return folder


def names_of(data: str) -> str:
    """The data sources as a part of a folder's name."""
    return "+".join(Path(source).name for source in data.split(","))


def display_path(path: Path) -> str:
    """A path as a person would write it from here."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


def repeat_options(options: argparse.Namespace) -> str:
    """The options of a command that does the same again, without the names of notebooks."""
    words = ["--sweep", options.sweep] if options.sweep else []
    words += ["--data", options.data] if options.data != "phantom" else []
    words += ["--profile", options.profile] if options.profile != "quick" else []
    for setting in options.settings:
        words += ["-p", setting]
    words += ["--out", options.out] if options.out else []
    words += ["-j", options.parallel] if options.parallel else []
    words += ["--threads", options.threads] if options.threads else []
    return shlex.join(words)


def listing(options: argparse.Namespace) -> list[str]:
    """Lines of --list: notebooks with title, needs, budget, parameters and their comments."""
    table = catalogue.read_table(record.NOTEBOOKS / "Snakefile")
    there = catalogue.present(table)
    names = catalogue.resolve(options.notebooks, table) or there
    found = catalogue.read_notebooks([name for name in names if name in there], table)
    profile = settings.read_profile(options.profile, table, found)
    known = ", ".join(settings.profiles())
    lines = [f"profiles: {known}; values below are those of {profile.name}"]
    for notebook in found.values():
        lines += ["", *_describe(notebook, profile)]
    return lines


def _describe(notebook: Notebook, profile: Profile) -> list[str]:
    minutes = profile.minutes.get(notebook.name)
    budget = f", budget {minutes:g} min" if minutes else ""
    lines = [
        f"{notebook.name}  {notebook.title}",
        f"    needs {', '.join(notebook.needs) or 'nothing'}{budget}",
    ]
    values = profile.parameters | profile.notebooks.get(notebook.name, {})
    for parameter in notebook.parameters.values():
        if parameter.name not in settings.OWN_OPTION:
            value = values.get(parameter.name, parameter.default)
            text = value if isinstance(value, str) and value.strip() else repr(value)
            lines.append(f"    -p {parameter.name + '=' + text:28} {parameter.comment}")
    return lines
