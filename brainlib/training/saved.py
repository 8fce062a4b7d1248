"""A trained network to look at: of this run where it is finished, else of the reference run.

Chapters begin with something to move, before they have trained anything. `find` looks into the run
first; a run that goes on, or that is read again, has its network. `outputs/reference` comes with
the workbook and serves whoever has not trained yet.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from brainlib import files
from brainlib.record import Run
from brainlib.training.finished import Finished

REFERENCE = files.PROJECT / "outputs" / "reference"


@dataclass(frozen=True)
class Saved:
    """A finished file of a training.

    Attributes:
        path: of the file.
        of_this_run: False where it comes from the reference run.
        facts: the record of the training: model, options, recipe, epochs, seed, ...
    """

    path: Path
    of_this_run: bool
    facts: dict

    def in_words(self) -> str:
        """Where it comes from, for a caption."""
        epochs = self.facts.get("epochs")
        trained = f"trained for {epochs} epochs" if epochs else "trained"
        if self.of_this_run:
            return f"{trained} in this run"
        return f"{trained} in the reference run, on IXI: if yours are of IXI, it may know them"


def find(run: Run, name: str, round_name: str, file: str = "model.keras") -> Saved | None:
    """The finished network of a name, None where neither run has one.

    Args:
        run: of the notebook.
        name: folder below `models`, such as "vae".
        round_name: of this run; of the reference run any round does.
        file: name of the file.
    """
    return next(candidates(run, name, round_name, file), None)


def candidates(run: Run, name: str, round_name: str, file: str = "model.keras") -> Iterator[Saved]:
    """All finished networks of a name, this run's own first; the arguments are those of `find`."""
    own = _finished(run.folder / "models" / name / round_name, file, of_this_run=True)
    if own:
        yield own
    for folder in sorted((REFERENCE / "models" / name).glob("*")):
        other = _finished(folder, file, of_this_run=False)
        if other:
            yield other


def _finished(folder: Path, file: str, *, of_this_run: bool) -> Saved | None:
    finished = Finished(folder, file)
    try:
        record = finished.any_record()
        whole = finished.is_unchanged(record)
    except (OSError, ValueError, KeyError):
        return None
    return Saved(finished.path, of_this_run, record) if whole else None
