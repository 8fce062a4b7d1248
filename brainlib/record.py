"""The record of a run: what a notebook calls to begin, to save figures and tables, and to hand its result on.

    run = runs.start("04_vae", out=out, data=data, seed=seed, epochs=epochs)
    run.describe_data(cohort)
    run.figure(figure, "loss", caption="Loss by epoch.")
    run.note("epochs", 12)
    run.done()

`python -m brainlib.runs` is ./run_all.sh, which executes the same notebooks without a person (see `brainlib.batch`).
"""

import ast
import contextlib
import fcntl
import importlib.metadata
import json
import os
import platform
import random
import re
import sys
from pathlib import Path

from brainlib import files

PROJECT = files.PROJECT
NOTEBOOKS = Path(os.environ.get("BRAINLIB_NOTEBOOKS") or PROJECT / "notebooks").resolve()
TOKEN = "BRAINLIB_RUN_TOKEN"  # set by the executor: this kernel belongs to run_all.sh
FINGERPRINT = "BRAINLIB_DATA_FINGERPRINT"  # the same, as JSON: spares every notebook the checksums
PACKAGES = (
    "tensorflow",
    "keras",
    "numpy",
    "scipy",
    "pandas",
    "matplotlib",
    "scikit-image",
    "scikit-learn",
    "nibabel",
    "nilearn",
    "papermill",
    "snakemake",
)
IXI_COMMIT = "ec021b5aafc9ddf7ed08f0bca1ce4b673e3bfc4f"
DATA_SUFFIXES = (".nii", ".nii.gz", ".xls", ".xlsx", ".csv", ".tsv", ".json")
SYNTHETIC_NOTE = "Synthetic phantom data - not patients"
IXI_NOTE = "Data: IXI, brain-development.org, CC BY-SA 3.0"
IXI_HEAD = re.compile(
    r"(?<![A-Za-z0-9])IXI\d{3}(?!\d)"
)  # in a subject's or a file's name, whatever the folder is called


def start(
    notebook, *, out="../outputs/quick-phantom", data="phantom", seed=0, keras=False, **parameters
):
    """Begins a notebook's part of a run: makes the folder, seeds, prints versions and device.

    Args:
        notebook: its name, such as "04_vae".
        out: run folder; a relative one is relative to notebooks/.
        data: data source or sources, as --data takes them.
        seed: seeds Python, NumPy and, where it is used, Keras.
        keras: True imports Keras to seed it and makes its operations deterministic; it is seeded in any case where
            the notebook has imported it already.
        **parameters: the notebook's other parameters, for the record.

    Returns:
        The Run.
    """
    folder = (NOTEBOOKS / out).resolve()
    if not headless():
        refuse_if_busy(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _seed(seed, keras or "keras" in sys.modules)
    run = Run(notebook, folder, {"data": data, "seed": seed, **parameters})
    print(run.environment["text"])
    return run


def headless():
    """True where run_all.sh executes the notebook and nobody is there to move a slider."""
    return bool(os.environ.get(TOKEN))


def refuse_if_busy(folder):
    """Raises RuntimeError while run_all.sh works in the run folder."""
    if not (Path(folder) / ".lock").exists():
        return
    with lock(folder, ".lock", shared=True) as held:
        if not held:
            raise RuntimeError(
                f"{folder}: expected a folder that nobody writes into, but ./run_all.sh is running there. "
                "Wait until it has ended, or set another folder: out = ..."
            )


@contextlib.contextmanager
def lock(folder, name, *, shared=False):
    """Holds a lock file of the run folder; yields its descriptor, or None where somebody else holds it."""
    handle = os.open(Path(folder) / name, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            yield None
        else:
            yield handle
    finally:
        os.close(handle)


def _seed(seed, keras):
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if keras:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        with _native_chatter_off():
            from keras import utils  # Keras takes seconds: only notebooks that use it pay
        utils.set_random_seed(seed)
        if "tensorflow" in sys.modules:
            sys.modules["tensorflow"].config.experimental.enable_op_determinism()


@contextlib.contextmanager
def _native_chatter_off():
    """Hides what TensorFlow's compiled parts print while they look for a GPU; Python's own errors still come through."""
    saved, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(nowhere)


class Run:
    """One notebook's part of a run.

    Attributes:
        folder: the run folder, absolute.
        notebook: name of the notebook.
        parameters: dict of its parameters.
        source_note: one line about the data that every figure carries; set by `describe_data`.
        environment: versions, device and threads that the notebook found.
    """

    def __init__(self, notebook, folder, parameters):
        self.notebook = notebook
        self.folder = Path(folder)
        self.parameters = dict(parameters)
        self.source_note = ""
        self.environment = _environment(self)
        self._figures, self._tables, self._files, self._notes = {}, {}, {}, {}

    def path(self, *parts):
        """A path inside the run folder; its parent folders are made."""
        path = self.folder.joinpath(*map(str, parts))
        if not Path(os.path.abspath(path)).is_relative_to(
            self.folder
        ):  # links may lead out: a sweep shares its first steps
            raise ValueError(f"{path}: expected a path inside the run folder {self.folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def describe_data(self, cohort):
        """Sets `source_note` from a cohort table (columns `cohort`, `synthetic`, `subject`; `path` where there is one) and returns it."""
        names = sorted(set(cohort["cohort"].astype(str)))
        notes = []
        if cohort["synthetic"].astype(bool).any():
            notes.append(SYNTHETIC_NOTE)
        real = cohort[~cohort["synthetic"].astype(bool)]
        paths = real["path"] if "path" in real else real["subject"]
        of_ixi = [
            bool(IXI_HEAD.search(f"{subject} {Path(str(path)).name}"))
            for subject, path in zip(real["subject"], paths)
        ]
        if any(of_ixi):
            notes.append(IXI_NOTE)
        others = sorted({str(name) for name, ixi in zip(real["cohort"], of_ixi) if not ixi})
        if others:
            notes.append("Data: " + ", ".join(others))
        count = cohort["subject"].nunique()
        self.source_note = f"{'; '.join(notes) or ', '.join(names)} (n = {count} subject{'' if count == 1 else 's'})"
        return self.source_note

    def figure(self, figure, name, caption=""):
        """Saves a matplotlib figure as PNG (150 dpi) and PDF, with the line about the data under it, and registers it.

        Returns the figure, closed for pyplot: as a cell's last value it shows once, not twice.
        """
        if self.source_note and not getattr(figure, "_source_note", None):
            figure.text(
                0.995, -0.01, self.source_note, ha="right", va="top", fontsize=6.5, color="0.35"
            )
            figure._source_note = self.source_note
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, not for each file again
        paths = [
            self.path("figures", self.notebook, f"{name}{suffix}") for suffix in (".png", ".pdf")
        ]
        for path, metadata in zip(
            paths, ({"Software": None}, {"CreationDate": None})
        ):  # the same picture, the same file
            with files.whole_file(path) as temporary:
                figure.savefig(temporary, dpi=150, bbox_inches="tight", metadata=metadata)
        self._figures.pop(name, None)
        self._figures[name] = self._entry(name, caption, paths)
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close(figure)
        return figure

    def table(self, frame, name, caption=""):
        """Writes a pandas table as CSV, with a column `data_source` where the data were described; returns the table."""
        path = self.path("tables", self.notebook, f"{name}.csv")
        marked = self.source_note and "data_source" not in frame.columns
        files.write_csv(path, frame.assign(data_source=self.source_note) if marked else frame)
        self._tables[name] = {**self._entry(name, caption, [path]), "rows": len(frame)}
        return frame

    def file(self, path, caption=""):
        """Registers another file of the run folder, such as a model; returns its path."""
        path = self.path(path)
        self._files[path.name] = self._entry(
            path.relative_to(self.folder).as_posix(), caption, [path]
        )
        return path

    def _entry(self, name, caption, paths):
        return {
            "name": name,
            "caption": caption,
            "source": self.source_note,
            "files": {
                path.relative_to(self.folder).as_posix(): files.sha256(path) for path in paths
            },
        }

    def note(self, key, value):
        """Keeps a summary value for later notebooks and the report; returns it."""
        self._notes[str(key)] = value
        return value

    def needs(self, notebook):
        """The result of an earlier notebook, as a dict with `notes`, `figures`, `tables`, `files`, `parameters`."""
        path = self.folder / "results" / f"{notebook}.json"
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise FileNotFoundError(
                f"{self.notebook} needs the result of {notebook}, and {self.folder} has none. Run "
                f"notebooks/{notebook}.ipynb into this folder first, or: ./run_all.sh {self.notebook}"
            ) from None

    def missing(self):
        """Names of the notebooks that this one needs and that have no result here (a partial report says so)."""
        needs = read_table(NOTEBOOKS / "Snakefile").get(self.notebook, [])
        return [name for name in needs if not (self.folder / "results" / f"{name}.json").exists()]

    def result(self):
        """The result as it is written: nothing in it depends on the clock, so what is unchanged has the same checksum."""
        return {
            "notebook": self.notebook,
            "parameters": self.parameters,
            "data_fingerprint": _known_fingerprint(self.parameters["data"]),
            "data_note": self.source_note,
            "notes": self._notes,
            "figures": list(self._figures.values()),
            "tables": list(self._tables.values()),
            "files": list(self._files.values()),
        }

    def done(self):
        """Writes the result, all at once: the last cell of every notebook."""
        result = self.result()
        kinds = ("figures", "tables", "files")
        for name in [name for kind in kinds for entry in result[kind] for name in entry["files"]]:
            if not (self.folder / name).is_file():
                raise FileNotFoundError(
                    f"{self.folder / name}: registered by {self.notebook}, but gone before its end."
                )
        token = os.environ.get(TOKEN)
        if token:  # run_all.sh makes it the result when all cells are checked
            files.write_json(
                self.folder / "results" / f".{self.notebook}.pending.json",
                {"token": token, "environment": self.environment, "result": result},
            )
        else:
            files.write_json(self.folder / "results" / f"{self.notebook}.json", result)
        made = ", ".join(
            f"{len(result[kind])} {kind if len(result[kind]) > 1 else kind[:-1]}"
            for kind in kinds
            if result[kind]
        )
        print(f"{self.notebook} is done{': ' + made if made else ''}.")


def versions():
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


def _environment(run):
    """Versions, device and threads, as a dict, with the lines that `start` prints under `text`."""
    found, device = versions(), None  # a notebook without TensorFlow does not know
    if "tensorflow" in sys.modules:
        with _native_chatter_off():
            graphics = sys.modules["tensorflow"].config.list_physical_devices("GPU")
        device = f"{len(graphics)} GPU" if graphics else "CPU"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = min(int(os.environ.get("OMP_NUM_THREADS") or cores), cores)
    shown = ", ".join(
        f"{name} {found[name]}"
        for name in ("python", "tensorflow", "keras", "numpy")
        if name in found
    )
    text = (
        f"{shown}\ndevice: {device or 'CPU, no TensorFlow in use'}, threads: {threads}, seed: {run.parameters['seed']}\n"
        f"data: {run.parameters['data']}\nrun folder: {run.folder}"
    )
    return {"versions": found, "device": device, "threads": threads, "text": text}


def _known_fingerprint(data):
    known = os.environ.get(FINGERPRINT)
    return json.loads(known) if known else data_fingerprint(data)


def data_fingerprint(data):
    """What the data are, as a dict of source -> one line: a local folder by its files' checksums, others by name and version."""
    lines = {}
    for source in str(data).split(","):
        local = os.environ.get("BRAINLIB_IXI_SAMPLE") if source == "ixi-sample" else source
        if source == "phantom":
            parts = sorted((PROJECT / "brainlib" / "heads" / "phantom").glob("*.py"))
            lines[source] = f"generator {files.digest([files.sha256(part) for part in parts])[:16]}"
        elif source == "ixi":
            lines[source] = "IXI-T1.tar and IXI.xls of brain-development.org"
        elif local and (NOTEBOOKS.parent / local).is_dir():
            lines[source] = _folder_fingerprint((NOTEBOOKS.parent / local).resolve())
        elif source == "ixi-sample":
            lines[source] = f"CBICA/CCL_NMF_Prediction, commit {IXI_COMMIT}"
        else:
            raise ValueError(
                f"data {source!r}: expected phantom, ixi-sample, ixi or a folder, and there is no such folder."
            )
    return lines


def _folder_fingerprint(folder):
    """One line for a folder: how many files and one checksum over their names and contents."""
    cache_path = NOTEBOOKS.parent / "data" / ".checksums.json"
    try:
        cache = json.loads(cache_path.read_text())
    except (OSError, ValueError):
        cache = {}
    known, sums = dict(cache), []
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or not path.name.lower().endswith(DATA_SUFFIXES) or not path.is_file():
            continue
        state = path.stat()
        key = f"{path}|{state.st_size}|{state.st_mtime_ns}"
        if key not in cache:
            cache[key] = files.sha256(path)
        sums.append((path.relative_to(folder).as_posix(), cache[key]))
    if cache != known:
        with contextlib.suppress(OSError):  # a read-only clone only loses the speed
            files.write_json(cache_path, cache)
    return f"{len(sums)} files, checksum {files.digest(sums)}"


def read_table(snakefile):
    """The table of notebooks/Snakefile: dict of notebook -> list of the notebooks that it needs ("all" spelled out)."""
    apart = read_apart(snakefile)
    match = re.search(
        r"^NEEDS = (\{.*?^\})",
        Path(snakefile).read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    if not match:
        raise ValueError(f"{snakefile}: expected a table NEEDS = {{...}} of notebooks, found none.")
    table = ast.literal_eval(match[1])
    return {
        name: [other for other in table if other != name and other not in apart]
        if needs == "all"
        else list(needs)
        for name, needs in table.items()
    }


def read_apart(snakefile):
    """Names of the notebooks that run only when they are named, and by sweeps."""
    match = re.search(
        r"^APART = (\[.*?\])", Path(snakefile).read_text(encoding="utf-8"), re.MULTILINE
    )
    return tuple(ast.literal_eval(match[1])) if match else ()
