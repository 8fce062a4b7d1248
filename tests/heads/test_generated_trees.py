"""Folder trees with a known truth: whoever was put in is found, and nobody is in two sets.

Each style is a way in which people name heads, visits and lesions; Hypothesis draws the people.
"""

import tempfile
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainlib.heads import cohort as datasets
from brainlib.heads import draft
from brainlib.slices import splits


class Style(NamedTuple):
    """Templates of paths below the folder; p: person, v: visit, both numbers."""

    head: str
    lesion: str
    others: tuple[str, ...] = ()


STYLES = {
    "bids": Style(
        "sub-{p:02d}/ses-{v}/anat/sub-{p:02d}_ses-{v}_T1w.nii.gz",
        "derivatives/lesions/sub-{p:02d}/ses-{v}/anat/sub-{p:02d}_ses-{v}_label-lesion_mask.nii.gz",
        (
            "sub-{p:02d}/ses-{v}/anat/sub-{p:02d}_ses-{v}_T2w.nii.gz",
            "sub-{p:02d}/ses-{v}/func/sub-{p:02d}_ses-{v}_task-rest_bold.nii.gz",
            "sourcedata/sub-{p:02d}/ses-{v}/anat/sub-{p:02d}_ses-{v}_T1w.nii.gz",
            "derivatives/fmriprep/sub-{p:02d}/ses-{v}/anat/sub-{p:02d}_ses-{v}_desc-preproc_T1w.nii",
            "derivatives/fmriprep/sub-{p:02d}/ses-{v}/anat/sub-{p:02d}_ses-{v}_dseg.nii.gz",
        ),
    ),
    "flat bids": Style("sub-{p}_ses-{v}_T1w.nii", "sub-{p}_ses-{v}_desc-lesion_mask.nii"),
    "words in names": Style(
        "patient{p:03d}_visit{v}_T1.nii.gz",
        "patient{p:03d}_visit{v}_lesion.nii.gz",
        ("patient{p:03d}_visit{v}_FLAIR.nii.gz", "patient{p:03d}_visit{v}_T1_brain.nii.gz"),
    ),
    "dates in names": Style(
        "ab{p:03d}_202{v}0131_mprage.nii.gz",
        "ab{p:03d}_202{v}0131_seg.nii.gz",
        ("ab{p:03d}_202{v}0131_mprage_brain_mask.nii.gz",),
    ),
    "digits": Style("{p:03d}_{v}.nii", "{p:03d}_{v}_lesion.nii"),
    "folders": Style(
        "study/P{p}/visit{v}/mri/T1.nii.gz",
        "study/P{p}/visit{v}/mri/lesion.nii.gz",
        ("study/P{p}/visit{v}/mri/T1_brain.nii.gz", "study/P{p}/visit{v}/mri/aparc+aseg.nii.gz"),
    ),
    "folders of visits": Style("tp{v}/case-{p:02d}a.nii", "tp{v}/masks/case-{p:02d}a_lesion.nii"),
    "brats": Style(
        "BraTS-GLI-{p:05d}-10{v}/BraTS-GLI-{p:05d}-10{v}-t1n.nii.gz",
        "BraTS-GLI-{p:05d}-10{v}/BraTS-GLI-{p:05d}-10{v}-seg.nii.gz",
        ("BraTS-GLI-{p:05d}-10{v}/BraTS-GLI-{p:05d}-10{v}-t2f.nii.gz",),
    ),
    "spm": Style(
        "scans/k{p:02d}_m0{v}.nii",
        "scans/k{p:02d}_m0{v}_lesion.nii",
        ("scans/mri/wmk{p:02d}_m0{v}.nii", "scans/mri/p1k{p:02d}_m0{v}.nii"),
    ),
    "oasis": Style(
        "OAS2_{p:04d}_MR{v}/RAW/mpr-1.nifti.nii",
        "OAS2_{p:04d}_MR{v}/RAW/lesion_mask.nii",
        ("OAS2_{p:04d}_MR{v}/RAW/mpr-2.nifti.nii",),
    ),
}

people = st.dictionaries(  # person: (visits, visits with a lesion)
    st.integers(1, 40),
    st.tuples(st.sets(st.integers(1, 3), min_size=1), st.sets(st.integers(1, 3))),
    min_size=3,
    max_size=7,
)


def plant(folder, style, truth):
    """Makes the files; returns {head: (person, lesion or "")}."""
    heads = {}
    for person, (visits, ill) in truth.items():
        for visit in visits:
            names = [style.head, *style.others] + [style.lesion] * (visit in ill)
            paths = [Path(folder) / name.format(p=person, v=visit) for name in names]
            for path in paths:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.touch()
            heads[str(paths[0])] = person, str(paths[-1]) if visit in ill else ""
    return heads


def answered(folder):
    """The cohort; where it asks, a draft of heads.csv is written and filled in."""
    try:
        return datasets.cohort(str(folder))
    except ValueError as question:
        assert "heads.csv" in str(question) and "\n" not in str(question)
    table = pd.read_csv(draft.draft(folder), dtype=str, keep_default_na=False)
    assert (table.group == "?").any()
    table.replace({"group": {"?": "healthy"}}).to_csv(Path(folder) / "heads.csv", index=False)
    return datasets.cohort(str(folder))


@pytest.mark.parametrize("style", STYLES)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(truth=people, seed=st.integers(0, 99))
def test_people_visits_heads_and_lesions_are_those_that_were_put_in(style, truth, seed):
    with tempfile.TemporaryDirectory() as folder:
        heads = plant(folder, STYLES[style], truth)
        table = answered(folder)
    assert set(table.path) == set(heads)
    assert table.groupby("subject").ngroups == len(truth)
    assert table.path.map(lambda path: heads[path][0]).groupby(table.subject).nunique().eq(1).all()
    assert not table.duplicated(["subject", "visit"]).any()
    for row in table.itertuples():
        assert row.lesion_path == heads[row.path][1]
        visits, ill = truth[heads[row.path][0]]
        if visits & ill:
            assert row.group != "healthy"
    if table[table.group == "healthy"].subject.nunique() >= 3:
        divided = splits.split(table, seed=seed)
        assert divided.groupby("subject").split.nunique().eq(1).all()
        trained = divided[divided.split == "train"].path.map(lambda path: heads[path][0])
        assert not any(truth[person][0] & truth[person][1] for person in trained)


WORDS = (
    "sub-1 sub-02 ses-1 ses-2 T1 T1w t2 flair seg lesion mask brain p1 p10 anna 1 2 11 21 visit1 "
    "v2 20200101 pre m c1 wm IXI012-HH-1211 BraTS-GLI-00000-000 002_S_0295 patient label-L [x] (1)"
).split()
FOLDERS = "anat imagesTr labelsTr derivatives .hidden sub-3 P1 T1w masks patients controls x.nii"
names = st.builds(
    lambda folders, words, gap, ending: "/".join([*folders, gap.join(words) + ending]),
    st.lists(st.sampled_from(FOLDERS.split()), max_size=3),
    st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
    st.sampled_from("_-. "),
    st.sampled_from([".nii", ".nii.gz", ".NII"]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(paths=st.lists(names, min_size=1, max_size=9))
def test_whatever_the_names_are_every_head_is_decided_or_asked_about(paths):
    with tempfile.TemporaryDirectory() as folder:
        for path in (Path(folder) / name for name in paths):
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                path.touch()
        try:
            table = answered(folder)
        except FileNotFoundError as refusal:
            assert "NIfTI" in str(refusal) and "\n" not in str(refusal)
            return
    assert table.path.is_unique and not table.duplicated(["subject", "visit"]).any()
    assert table.groupby("subject").group.nunique().eq(1).all()
    assert (table.group != "").all() and (table.subject != "").all()
