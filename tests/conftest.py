"""Shared fixtures: real heads where they are at hand, small volumes with unequal sides everywhere."""

import os
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.modules.setdefault(
    "rfc3987_syntax", None
)  # as in brainlib.run.executor: seconds to import, no use here

if (
    int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1)) > 1
):  # processes that share the cores: threads of all would only wait for each other
    each = str(max(1, len(os.sched_getaffinity(0)) // int(os.environ["PYTEST_XDIST_WORKER_COUNT"])))
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, each)

LONGEST = (
    "test_workbook",
    "test_runs",
    "test_sweep",
    "test_models",
    "test_models_prior",
    "test_training",
    "test_models_vq",
    "test_checkpoints",
    "test_head_maps",
    "test_inspector_faults",
    "test_hardware",
    "test_supervised",
    "test_restoration",
    "test_masking",
    "test_features",
    "test_generation",
)


def pytest_collection_modifyitems(items):
    """The files that take longest begin: of two processes neither waits for the other at the end."""
    items.sort(
        key=lambda item: (
            LONGEST.index(item.path.stem) if item.path.stem in LONGEST else len(LONGEST)
        )
    )


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


@pytest.fixture
def write_nifti(tmp_path):
    """Function (array, name=..., affine=..., dtype=...) -> path of a NIfTI file made of the array."""

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
