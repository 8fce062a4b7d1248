"""What a result was made from: versions, device and threads, and the data as checksums."""

import contextlib
import importlib.metadata
import json
import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from brainlib import files
from brainlib.record import checksums, notebooks
from brainlib.record.paths import LOCAL_COPIES

FINGERPRINT = "BRAINLIB_DATA_FINGERPRINT"  # JSON from the executor: spares notebooks the checksums
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
REPOSITORIES = {
    "ixi-sample": f"CBICA/CCL_NMF_Prediction, commit {IXI_COMMIT}",
    "ixi-hh": "CBICA/NiChart_Project, commit c40d6a136adb03b03ac67203fdabd6716c9b4197",
}
CHATTER = re.compile(  # TensorFlow's lines of no concern: information, and no GPU found
    rb"before absl::InitializeLog|^[IW]\d{4} |^\S+ \S+: [IW] |"
    rb"^(E\d{4} |\S+ \S+: E ).*(cuda|cudnn|cublas|cufft|cuinit|computation placer)",
    re.I,
)


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


@contextlib.contextmanager
def native_chatter_off(*, known_only: bool = False) -> Iterator[None]:
    """Hides what compiled parts print; Python's own errors still come through.

    Args:
        known_only: only TensorFlow's greeting and its search for a GPU are hidden; what else was
            printed comes at the end.
    """
    with tempfile.TemporaryFile() as printed:
        saved = os.dup(2)
        os.dup2(printed.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            if known_only:
                printed.seek(0)
                os.write(2, b"".join(line for line in printed if not CHATTER.search(line)))


def environment() -> dict:
    """`versions`, `device` (None where TensorFlow is not in use) and `threads`."""
    device = None
    if "tensorflow" in sys.modules:
        with native_chatter_off():
            graphics = sys.modules["tensorflow"].config.list_physical_devices("GPU")
        device = f"{len(graphics)} GPU" if graphics else "CPU"
    return {"versions": versions(), "device": device, "threads": threads()}


def threads() -> int:
    """With how many this process computes: as run_all.sh or a person set it, else all cores.

    OMP_NUM_THREADS may be a list such as 2,1, of which the first number counts.
    """
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        first = os.environ.get(name, "").split(",")[0].strip()
        if first.isdecimal() and int(first):
            return int(first)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def environment_text(found: dict, parameters: dict, folder: Path) -> str:
    """The lines with which a notebook greets: versions, device, seed, data, run folder."""
    known = found["versions"]
    names = [name for name in ("python", "tensorflow", "keras", "numpy") if name in known]
    if not found["device"]:  # not in use: its version says nothing here
        names = [name for name in names if name not in ("tensorflow", "keras")]
    return (
        f"{', '.join(f'{name} {known[name]}' for name in names)}\n"
        f"device: {found['device'] or 'CPU, no TensorFlow in use'}, "
        f"threads: {found['threads']}, random seed: {parameters['seed']}\n"
        f"data: {parameters['data']}\n"
        f"run folder: {folder}"
    )


def known_fingerprint(data: str) -> dict[str, str]:
    """`data_fingerprint`, or what run_all.sh has found already, also of paths in parameters."""
    known = os.environ.get(FINGERPRINT)
    return json.loads(known) if known else data_fingerprint(data)


def data_fingerprint(data: str) -> dict[str, str]:
    """What the data are, source by source: a local folder by its files' checksums, others by name.

    Raises:
        ValueError: a source that is neither known nor a folder.
    """
    return {source: _source_fingerprint(source) for source in str(data).split(",")}


def _source_fingerprint(source: str) -> str:
    if source == "phantom":
        parts = sorted((files.PROJECT / "brainlib" / "heads" / "phantom").glob("*.py"))
        return f"generator {files.digest([files.sha256(part) for part in parts])[:16]}"
    if source == "ixi":
        return "IXI-T1.tar and IXI.xls of brain-development.org"
    local = os.environ.get(LOCAL_COPIES[source]) if source in LOCAL_COPIES else source
    if local and (notebooks.NOTEBOOKS.parent / local).exists():
        return checksums.of_data((notebooks.NOTEBOOKS.parent / local).resolve())
    if source in REPOSITORIES:
        return REPOSITORIES[source]
    raise ValueError(
        f"data {source!r}: expected phantom, ixi-sample, ixi-hh, ixi or a folder, "
        "and there is no such folder."
    )
