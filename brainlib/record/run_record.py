"""One notebook's part of a run: its folder, what it shows and keeps, what it hands on."""

import json
import os
import random
import re
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from brainlib import files
from brainlib.record import display, figure_words, fingerprints, paths
from brainlib.record.locks import refuse_if_busy
from brainlib.record.notebooks import NOTEBOOKS, TOKEN, headless, needs_of, parameter_names

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

SYNTHETIC_NOTE = "Synthetic phantom data - not patients"
IXI_NOTE = "Data: IXI, brain-development.org, CC BY-SA 3.0"
IXI_HEAD = re.compile(r"(?<![A-Za-z0-9])IXI\d{3}(?!\d)")  # in a name, whatever the folder is called
SAVED_DPI = display.SAVED_DPI
TEXT_COLUMNS = (  # of tables about people: nothing known is "", never NaN
    "subject",
    "visit",
    "cohort",
    "group",
    "site",
    "sex",
    "ethnic",
    "path",
    "brain_path",
    "lesion_path",
    "twin_path",
)


class NotRunYet(RuntimeError):
    """A notebook was opened before the ones that it needs: said in one line, no traceback."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows instead of a traceback."""
        return [str(self)]


def start(
    notebook: str,
    namespace: Mapping[str, Any] | None = None,
    *,
    partial: bool = False,
    **parameters: Any,
) -> "Run":
    """Begins a notebook's part of a run: makes the folder, seeds, prints versions and device.

    Args:
        notebook: its name, such as "04_vae".
        namespace: the notebook's `globals()`; the names that its cell of parameters assigns are
            taken from it: `out` (run folder, relative to notebooks/), `data` (sources, as --data
            takes them), `seed` (of Python, NumPy and Keras, where it is imported), and its own.
        partial: goes on where notebooks that this one needs have no result (a report).
        **parameters: the same by name, for a notebook of your own.

    Raises:
        NotRunYet: a notebook that this one needs has no result in the folder.
        RuntimeError: ./run_all.sh is writing into the folder.
    """
    known = {"out": "../outputs/quick-phantom", "data": "phantom", "seed": 0}
    if namespace is not None:
        names = parameter_names(notebook)
        known |= {name: namespace[name] for name in names if name in namespace}
    known |= parameters
    folder = (NOTEBOOKS / known.pop("out")).resolve()
    if not headless():
        refuse_if_busy(folder)
    run = Run(notebook, folder, known)
    if namespace is not None and not partial:
        run.refuse_if_too_early()
    folder.mkdir(parents=True, exist_ok=True)
    _seed(known["seed"])
    print(run.environment["text"])
    return run


def _seed(seed: int) -> None:
    """Seeds what is imported: Keras takes seconds, only notebooks that use it pay."""
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed)
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(seed)
    if "tensorflow" in sys.modules:
        sys.modules["tensorflow"].config.experimental.enable_op_determinism()


class Run:
    """One notebook's part of a run.

    Attributes:
        folder: the run folder, absolute.
        notebook: name of the notebook.
        parameters: dict of its parameters, but for the folder.
        source_note: one line about the data that every figure carries; set by `describe_data`.
        environment: versions, device and threads that the notebook found, with its `text`.
    """

    def __init__(self, notebook: str, folder: Path | str, parameters: Mapping[str, Any]) -> None:
        self.notebook = notebook
        self.folder = Path(folder)
        self.parameters = dict(parameters)
        self.source_note = ""
        found = fingerprints.environment()
        text = fingerprints.environment_text(found, self.parameters, self.folder)
        self.environment = {**found, "text": text}
        self._figures: dict[str, dict] = {}
        self._tables: dict[str, dict] = {}
        self._files: dict[str, dict] = {}
        self._findings: list[dict] = []
        self._notes: dict[str, Any] = {}
        data = paths.data_folders(self.parameters.get("data", ""))
        self._folders = [*data, self.folder, files.PROJECT]

    # What earlier notebooks left

    def path(self, *parts: object) -> Path:
        """A path inside the run folder; its parent folders are made.

        Raises:
            ValueError: the path leads out of the folder.
        """
        path = self.folder.joinpath(*map(str, parts))
        # By name, not resolved: links may lead out, as a sweep's to its shared first steps do.
        if not Path(os.path.abspath(path)).is_relative_to(self.folder):
            raise ValueError(f"{path}: expected a path inside the run folder {self.folder}")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def needs(self, notebook: str) -> dict:
        """An earlier notebook's result: `notes`, `figures`, `tables`, `files`, `parameters`.

        Raises:
            NotRunYet: it has none in this folder.
        """
        path = self._result_path(notebook)
        if not path.exists():
            raise NotRunYet(self._what_to_run([notebook]))
        return json.loads(path.read_text(encoding="utf-8"))

    def read(self, notebook: str, name: str) -> "pd.DataFrame":
        """A table of an earlier notebook; what is not known of a person is "" in columns of text.

        Raises:
            NotRunYet: the notebook has no result in this folder, or made no such table.
        """
        import pandas as pd

        path = self.folder / "tables" / notebook / f"{name}.csv"
        if not path.exists():
            raise NotRunYet(self._what_to_run([notebook]))
        texts = dict.fromkeys(TEXT_COLUMNS, str)
        table = pd.read_csv(path, dtype=texts)
        known = [column for column in TEXT_COLUMNS if column in table]
        table[known] = table[known].fillna("")
        return table

    def missing(self) -> list[str]:
        """Names of the notebooks that this one needs and that have no result here."""
        return [name for name in needs_of(self.notebook) if not self._result_path(name).exists()]

    def refuse_if_too_early(self) -> None:
        """Raises NotRunYet where a notebook that this one needs has no result here."""
        missing = self.missing()
        if missing:
            raise NotRunYet(self._what_to_run(missing))

    def _result_path(self, notebook: str) -> Path:
        return self.folder / "results" / f"{notebook}.json"

    def _what_to_run(self, missing: list[str]) -> str:
        """One line that says what is missing, and the command that makes it."""
        numbers = " ".join(name.split("_")[0] for name in missing)
        words = ["./run_all.sh", *numbers.split(), "--out", paths.from_project(self.folder)]
        data = self.parameters.get("data", "phantom")
        if data != "phantom":
            words += ["--data", str(data)]
        return (
            f"{self.notebook} goes on from {', '.join(missing)}, which "
            f"{'has' if len(missing) == 1 else 'have'} no result in {self.folder} yet. "
            f"Run this in a terminal, in the project's folder, then run this cell again: "
            f"{shlex.join(words)}"
        )

    # What this one shows and keeps

    def describe_data(self, cohort: "pd.DataFrame") -> str:
        """Sets `source_note`, the line under every figure, and returns it.

        Args:
            cohort: columns `cohort`, `synthetic`, `subject`, and `path` where there is one.
        """
        synthetic = cohort["synthetic"].astype(bool)
        notes = [SYNTHETIC_NOTE] if synthetic.any() else []
        notes += _notes_of_real(cohort[~synthetic])
        names = sorted(set(cohort["cohort"].astype(str)))
        count = cohort["subject"].nunique()
        people = f"n = {count} subject{'' if count == 1 else 's'}"
        self.source_note = f"{'; '.join(notes) or ', '.join(names)} ({people})"
        return self.source_note

    def figure(
        self, figure: "Figure | None", name: str, caption: str = "", *, otherwise: str = ""
    ) -> None:
        """Saves a matplotlib figure as PNG (150 dpi) and PDF, registers it and shows it here.

        It carries the line about the data, and stands in the notebook with its caption below,
        also inside a loop. Where the data hold nothing to draw (None), `otherwise` says so in its
        place.
        """
        if figure is None:
            display.show_text(otherwise)
            return None
        if self.source_note and not getattr(figure, "_source_note", None):
            figure.text(
                0.995, -0.01, self.source_note, ha="right", va="top", fontsize=6.5, color="0.35"
            )
            figure._source_note = self.source_note
        figure_words.use_words(figure)
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # laid out once, not for each file again
        stem = self._file_name(name, self._figures)
        png, pdf = (self.path("figures", self.notebook, f"{stem}{end}") for end in (".png", ".pdf"))
        # No time and no name of a program in the files: the same picture is the same file.
        _save(figure, png, {"Software": None})
        _save(figure, pdf, {"CreationDate": None})
        self._figures.pop(name, None)
        self._figures[name] = self._entry(name, caption, [png, pdf])
        if "matplotlib.pyplot" in sys.modules:
            sys.modules["matplotlib.pyplot"].close(figure)
        display.show_figure(png, f"**Figure {self._number(self._figures)}.** {caption}")

    def table(
        self,
        frame: "pd.DataFrame",
        name: str,
        caption: str = "",
        *,
        columns: list[str] | None = None,
        rows: int = 12,
        part: "pd.DataFrame | None" = None,
        otherwise: str = "",
    ) -> None:
        """Writes a table as CSV, registers it and shows a readable form here.

        The file is whole and exact, but for ages, which are to a tenth, and for texts, in which
        paths begin at the data's folder. What is shown, here and in the report, says no sex, age
        or size of a named person.

        Args:
            frame: the table; a column `data_source` is added where the data were described.
            name: of the file.
            caption: stands above the table.
            columns: those shown here, in this order; all when absent.
            rows: so many are shown here.
            part: shown here in place of a long table: some of its rows, or a summary.
            otherwise: what is said here in place of a table without rows.
        """
        stem = self._file_name(name, self._tables)
        path = self.path("tables", self.notebook, f"{stem}.csv")
        frame = self._fit_to_be_read(frame)
        marked = self.source_note and "data_source" not in frame.columns
        files.write_csv(path, frame.assign(data_source=self.source_note) if marked else frame)
        self._tables.pop(name, None)
        self._tables[name] = {**self._entry(name, caption, [path]), "rows": len(frame)}
        if otherwise and not len(frame):
            display.show_text(otherwise)
            return None
        where = path.relative_to(self.folder).as_posix()
        if part is not None:
            caption = f"{caption} All {len(frame)} rows are in `{where}`."
        shown = frame if part is None else self._fit_to_be_read(part)
        display.show_table(
            shown if columns is None else shown[columns],
            f"**Table {self._number(self._tables)}.** {caption}",
            rows=rows,
            where=where,
        )

    def file(self, path: Path | str, caption: str = "") -> Path:
        """Registers another file of the run folder, such as a model; returns its path."""
        path = self.path(path)
        entry = self._entry(path.relative_to(self.folder).as_posix(), caption, [path])
        self._files[entry["name"]] = entry
        return path

    def note(self, key: str, value: Any) -> Any:
        """Keeps a summary value for later notebooks and the report; returns it."""
        self._notes[str(key)] = value
        return value

    def text(self, markdown: str) -> None:
        """Shows a sentence that was computed from this run, among the text."""
        display.show_text(markdown)

    def finding(self, claim: str, found: Mapping[str, Any]) -> None:
        """Keeps a claim with its verdict for the report, and shows it here.

        Args:
            claim: what one would like to be true, as a sentence without a full stop.
            found: `verdict` ("shown", "not shown", "too few to decide"), `words` (effect, interval
                and n in words), and the numbers behind them.
        """
        self._findings.append({"claim": claim, **found})
        words = str(found["words"]).removeprefix(f"{found['verdict']}: ")  # of stats.in_words
        display.show_text(f"**{claim}** - *{found['verdict']}*: {words}")

    def _file_name(self, name: str, others: Mapping[str, Any]) -> str:
        """The name of a figure's or table's file: theirs may hold the names of people."""
        names = list(dict.fromkeys([*others, name]))
        return files.unique_file_names(names)[names.index(name)]

    def _fit_to_be_read(self, frame: "pd.DataFrame") -> "pd.DataFrame":
        """A table with ages to a tenth, and without paths of this machine in its texts."""
        changed = {}
        for name, column in frame.items():
            if name == "age" and column.dtype.kind == "f":
                changed[name] = column.round(1)
            elif column.dtype.kind not in "biufcM" and not str(name).endswith("path"):
                changed[name] = [paths.plain(value, self._folders) for value in column]
        return frame.assign(**changed)

    def _number(self, entries: dict) -> str:
        """Number of a figure or a table in its chapter: 4.2 is the second of 04."""
        return f"{self.notebook.split('_')[0].lstrip('0') or '0'}.{len(entries)}"

    def _entry(self, name: str, caption: str, made: list[Path]) -> dict:
        sums = {path.relative_to(self.folder).as_posix(): files.sha256(path) for path in made}
        caption = paths.without_folders(caption, self._folders)
        return {"name": name, "caption": caption, "source": self.source_note, "files": sums}

    # What this one hands on

    def result(self) -> dict:
        """The result as it is written; nothing in it depends on the clock."""
        return {
            "notebook": self.notebook,
            "parameters": self.parameters,
            "data_fingerprint": fingerprints.known_fingerprint(self.parameters["data"]),
            "data_note": self.source_note,
            "notes": paths.plain(self._notes, self._folders),
            "findings": paths.plain(self._findings, self._folders),
            "figures": list(self._figures.values()),
            "tables": list(self._tables.values()),
            "files": list(self._files.values()),
        }

    def done(self) -> None:
        """Writes the result, all at once: the last cell of every notebook.

        Raises:
            FileNotFoundError: something registered is gone.
        """
        result = self.result()
        kinds = ("figures", "tables", "files")
        for kind in kinds:
            self._refuse_if_gone(result[kind])
        token = os.environ.get(TOKEN)
        if token:  # run_all.sh makes it the result when all cells are checked
            pending = self.folder / "results" / f".{self.notebook}.pending.json"
            content = {"token": token, "environment": self.environment, "result": result}
            files.write_json(pending, content)
        else:
            files.write_json(self._result_path(self.notebook), result)
        made = [f"{len(result[kind])} {kind}" for kind in kinds if len(result[kind]) > 1]
        made += [f"1 {kind[:-1]}" for kind in kinds if len(result[kind]) == 1]
        print(f"{self.notebook} is done{': ' + ', '.join(made) if made else ''}.")

    def _refuse_if_gone(self, entries: list[dict]) -> None:
        for entry in entries:
            for name in entry["files"]:
                if not (self.folder / name).is_file():
                    raise FileNotFoundError(
                        f"{self.folder / name}: registered by {self.notebook}, "
                        "but gone before its end."
                    )


def _notes_of_real(real: "pd.DataFrame") -> list[str]:
    """One note for IXI's heads, known by their names, and one for the names of other cohorts."""
    paths = real["path"] if "path" in real else real["subject"]
    from_ixi, others = False, set()
    for subject, path, cohort in zip(real["subject"], paths, real["cohort"]):
        if IXI_HEAD.search(f"{subject} {Path(str(path)).name}"):
            from_ixi = True
        else:
            others.add(str(cohort))
    notes = [IXI_NOTE] if from_ixi else []
    return notes + (["Data: " + ", ".join(sorted(others))] if others else [])


def _save(figure: "Figure", path: Path, metadata: dict) -> None:
    with files.whole_file(path) as temporary:
        figure.savefig(temporary, dpi=SAVED_DPI, bbox_inches="tight", metadata=metadata)
