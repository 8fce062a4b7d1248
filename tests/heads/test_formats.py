"""Files that are no NIfTI: which format, and the advice that fits, in one line."""

import errno
import gzip

import nibabel
import numpy as np
import pytest

from brainlib import files
from brainlib.heads import cohort as datasets
from brainlib.heads import formats, reading, volumes
from brainlib.run import command
from brainlib.run.refused import Refused

HEAD = np.random.default_rng(0).uniform(0, 100, (7, 8, 9)).astype(np.float32)
IMAGE = nibabel.Nifti1Image(HEAD, np.diag([20.0, 20.0, 20.0, 1.0]))
DICOM = bytes(128) + b"DICM" + bytes(400)


def told(path):
    with pytest.raises(OSError, match="expected") as refusal:
        volumes.load(path)
    assert "\n" not in str(refusal.value) and str(path) in str(refusal.value)
    return str(refusal.value)


def zipped(content):
    """Always the same bytes: gzip writes the time, which made other names of tests."""
    return gzip.compress(content, mtime=0)


@pytest.mark.parametrize(
    "name, content, advice",
    [
        ("a.mgz", b"x", "mri_convert a.mgz a.nii.gz"),
        ("a.MGH.gz", b"x", "mri_convert"),
        ("a.h5", b"\x89HDF\r\n\x1a\n", "model of Keras 2"),
        ("a.keras", b"PK\x03\x04", "--model"),
        ("a.dcm", DICOM, "dcm2niix -z y"),
        ("IM0001", DICOM, "dcm2niix -z y"),
        ("a.nrrd", b"NRRD0004", "c3d a.nrrd a.nii.gz"),
        ("a.img", b"x" * 400, "a.hdr is missing"),
        ("a.hdr", b"x" * 400, "a.img is missing"),
        ("a.nii.gz", b"x" * 344 + b"n+1\0", "Rename it to .nii"),
        ("a.nii", zipped(b"x" * 400), "Rename it to .nii.gz"),
        ("a.nii.gz", zipped(zipped(b"x" * 400)), "gzipped twice"),
        ("a.nii.gz", b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        ("a.nii.gz", b"../.git/annex/objects/ab/cd", "datalad get"),
        ("a.nii.gz", b"<!DOCTYPE html><html>Please log in", "Log in"),
        ("a.nii", DICOM, "dcm2niix -z y"),
        ("a.nii", b"\x89HDF\r\n\x1a\n", "HDF5"),
        ("a.nii.gz", zipped(b"\0\0\0\1\0\0\0\x07" * 50), "FreeSurfer"),
        ("a.nii.gz", b"PK\x03\x04", "Unpack"),
        ("a.nii.gz", b"\x1f\x8b\x08", "Copy or download"),
        ("a.nii.gz", b"", "empty"),
    ],
)
def test_advice_fits_the_file(name, content, advice, tmp_path):
    (tmp_path / name).write_bytes(content)
    assert advice in told(tmp_path / name)


def test_both_halves_of_a_pair(tmp_path):
    nibabel.save(nibabel.Nifti1Pair(HEAD, IMAGE.affine), tmp_path / "p.img")
    for name in ("p.img", "p.hdr"):
        assert f"nibabel.load('{name}'), 'p.nii.gz'" in told(tmp_path / name)


def test_a_folder_of_other_formats_is_told_what_they_are(tmp_path):
    folder = tmp_path / "scans"
    (folder / "series").mkdir(parents=True)
    for number in range(3):
        (folder / "series" / f"1.2.840.{number}").write_bytes(DICOM)
    (folder / "a.mgz").write_bytes(b"x")
    for ask in (datasets.cohort, command.check_data):
        with pytest.raises((FileNotFoundError, Refused)) as refusal:
            ask(str(folder))
        words = str(refusal.value)
        assert "3 files are DICOM" in words and "dcm2niix -z y" in words
        assert "1 file is FreeSurfer's format, such as a.mgz" in words and "\n" not in words
    nibabel.save(IMAGE, folder / "p1.nii.gz")
    details = [each["detail"] for each in datasets.cohort(str(folder)).attrs["problems"]]
    assert sum("mri_convert" in detail and "DICOM" in detail for detail in details) == 1


# ---- the machine's faults are no file's


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EROFS])
@pytest.mark.parametrize("place", ["open", "voxels"])
def test_what_the_machine_does_is_no_bad_head(number, place, tmp_path, monkeypatch):
    for name in ("p1", "p2", "p3"):
        nibabel.save(IMAGE, tmp_path / f"{name}.nii.gz")
    cohort = datasets.cohort(str(tmp_path))

    def broken(*_, **__):
        raise OSError(number, "the machine")

    if place == "open":
        monkeypatch.setattr(formats, "format_of_bytes", broken)
    else:
        monkeypatch.setattr(volumes.nibabel.Nifti1Image, "from_stream", broken)
    for read in (reading.read_every_file, lambda table: volumes.first_readable(table.path)):
        with pytest.raises(OSError, match="the machine") as error:
            read(cohort)
        assert error.value.errno == number


def test_a_file_that_must_not_be_read_is_a_bad_head(tmp_path, monkeypatch):
    nibabel.save(IMAGE, tmp_path / "p1.nii.gz")

    def forbidden(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(formats, "format_of_bytes", forbidden)
    assert "chmod u+r" in told(tmp_path / "p1.nii.gz")
    files.raise_if_no_room(PermissionError(errno.EACCES, "no"))  # the others go on
