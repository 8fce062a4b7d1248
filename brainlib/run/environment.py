"""The surroundings in which a run's processes work: how many threads, and where caches lie."""

import os
import pwd
import tempfile
from collections.abc import Sequence
from pathlib import Path

OF_THREADS = (  # read by OpenMP, the libraries of linear algebra, numexpr and TensorFlow
    "OMP_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "TF_NUM_INTRAOP_THREADS",
    "TF_NUM_INTEROP_THREADS",
)
OF_FOLDERS = {  # where libraries keep what they write for a person -> the usual place in HOME
    "XDG_CACHE_HOME": ".cache",
    "XDG_CONFIG_HOME": ".config",
    "XDG_DATA_HOME": ".local/share",
    "MPLCONFIGDIR": ".config/matplotlib",
    "IPYTHONDIR": ".ipython",
    "JUPYTER_CONFIG_DIR": ".jupyter",
    "JUPYTER_DATA_DIR": ".local/share/jupyter",
    "KERAS_HOME": ".keras",
}


def of_threads(count: int) -> dict[str, str]:
    """The variables with which a notebook computes with so many threads, whatever the machine has.

    A sum that is divided among threads is rounded in another order, so that a network trained with
    others has other last digits. That is why how many run at once has no say in it.
    """
    return dict.fromkeys(OF_THREADS, str(count))


def of_folders(places: Sequence[Path | str]) -> dict[str, str]:
    """The variables that a process needs where HOME, or a folder of it, cannot be written.

    Libraries that find no place for their caches end with an error (Snakemake, IPython) or warn in
    the middle of a notebook (matplotlib).

    Args:
        places: folders that may take their place; the first that can be written does.

    Returns:
        Variable -> folder, made here; {} where everything can be written.
    """
    home = _home()
    home = home if home and is_writable(home) else ""
    missing = {} if home else {"HOME": "."}
    for name, usual in OF_FOLDERS.items():
        folder = os.environ.get(name) or (os.path.join(home, usual) if home else "")
        if folder and not is_writable(folder):
            missing[name] = usual
    if not missing:
        return {}
    place = Path(next(filter(is_writable, places), tempfile.gettempdir())).absolute()
    found = {name: os.path.normpath(place / usual) for name, usual in missing.items()}
    for folder in found.values():
        os.makedirs(folder, exist_ok=True)
    return found


def of_person() -> dict[str, str]:
    """A name for a person whom the system does not know, as in containers: getpass wants one."""
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:
        if not any(os.environ.get(name) for name in ("LOGNAME", "USER", "LNAME", "USERNAME")):
            return {"LOGNAME": f"user{os.getuid()}"}
    return {}


def _home() -> str:
    """HOME, or what the system says it is; "" where nobody knows."""
    home = os.path.expanduser("~")
    return home if os.path.isabs(home) else ""


def is_writable(folder: Path | str) -> bool:
    """Whether files can be made in a folder, or where it would be made; leaves none behind.

    It is tried: permissions say nothing of a full disk, of one that is mounted read-only, or to
    root.
    """
    folder = Path(folder).absolute()
    try:
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            return False
        with tempfile.TemporaryFile(dir=folder) as trial:
            trial.write(b"x")
            trial.flush()
    except OSError:
        return False
    return True
