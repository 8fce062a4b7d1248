"""Shared fixtures: real heads where they are at hand, small volumes with unequal sides."""

import os
import subprocess
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
# As in brainlib.run.executor: seconds to import, no use here.
sys.modules.setdefault("rfc3987_syntax", None)

# Processes that share the cores: the threads of all would only wait for each other.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
if WORKERS > 1:
    each = str(max(1, len(os.sched_getaffinity(0)) // WORKERS))
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, each)

LONGEST = (  # folders and files, as they stand in a path
    "test_workbook",
    "test_runs",
    "test_sweep",
    "tests/models",
    "tests/training",
    "test_head_maps",
    "tests/inspector",
    "tests/anomaly",
    "tests/evaluation",
    "tests/heads",
)


def pytest_collection_modifyitems(items):
    """What takes longest begins: of two processes neither waits for the other at the end."""
    items.sort(key=lambda item: _place(str(item.path)))


def _place(path):
    for number, name in enumerate(LONGEST):
        if name in path:
            return number
    return len(LONGEST)


def _ixi_sample():
    named = os.environ.get("BRAINLIB_IXI_SAMPLE")
    for folder in filter(None, [named, ROOT.parent / "shared" / "ixi-sample"]):
        if (Path(folder) / "t1").is_dir():
            return Path(folder)
    return None


@pytest.fixture(scope="session")
def ixi_sample():
    """Folder of the ten real IXI heads; tests that need it skip where it is not at hand."""
    folder = _ixi_sample()
    if folder is None:
        pytest.skip(
            "the ten real IXI heads are not at hand: set BRAINLIB_IXI_SAMPLE to their folder"
        )
    return folder


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory):
    """Folder of an executed `smoke` run: BRAINLIB_SMOKE_RUN, or one that is made now (minutes)."""
    named = os.environ.get("BRAINLIB_SMOKE_RUN")
    if named:
        return Path(named)
    folder = tmp_path_factory.mktemp("run") / "smoke"
    command = ["bash", str(ROOT / "run_all.sh"), "--profile", "smoke", "--out", str(folder)]
    answer = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    assert answer.returncode == 0, answer.stdout[-2000:] + answer.stderr[-2000:]
    return folder


@pytest.fixture
def write_nifti(tmp_path):
    """Function (array, name=..., affine=..., dtype=...) -> path of a NIfTI file of the array."""

    def write(array, *, name="volume.nii.gz", affine=None, dtype=None):
        array = np.asarray(array, dtype=dtype)
        image = nibabel.Nifti1Image(
            array, np.diag([1.5, 2.0, 3.0, 1.0]) if affine is None else affine
        )
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        nibabel.save(image, path)
        return path

    return write


@pytest.fixture
def random_volume():
    """float32 array of unequal sides (7, 8, 9), values 0 to 1000."""
    return np.random.default_rng(0).uniform(0, 1000, (7, 8, 9)).astype("float32")
