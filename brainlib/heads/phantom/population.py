"""Who the synthetic people are, and their heads as files: the cohort in IXI's own layout.

`people` says who there is, `cohort` makes and keeps their heads (see `head`), `spreadsheet` writes
what IXI's own table would say of them, its faults included.
"""

from __future__ import annotations

import gzip
import json
import multiprocessing
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from brainlib import files
from brainlib.heads.phantom.atlas import load_atlas
from brainlib.heads.phantom.head import VERSION, geometry, make_head
from brainlib.heads.phantom.template import Template

FIRST_NUMBER = {"healthy": 1, "tumour": 401, "stroke": 701}
IN_THE_TABLE = {"healthy": 400, "tumour": 300, "stroke": 300}  # people whom the table may list
SITE_SHARES = {"Guys": 0.55, "HH": 0.32, "IOP": 0.13}
README = (
    "Synthetic heads, made by brainlib.heads.phantom from the MNI152 templates. They are no people;"
    " nothing here says anything about patients.\n"
)

# ---- who


def people(counts: Mapping[str, int], seed: int) -> pd.DataFrame:
    """Who is in the cohort: one row per person, which depends on `seed` and on the number only.

    Args:
        counts: people of each group, such as {"healthy": 40, "tumour": 12}.
        seed: of the cohort.

    Returns:
        table of subject ("PHANTOM001"), group, number, site, sex, age (years), height_cm,
        weight_kg and ethnic_id (1 white, 3 and 4 others, as IXI codes them).
    """
    rows = []
    for group, count in counts.items():
        first = FIRST_NUMBER[group]
        rows += [_person(group, number, seed) for number in range(first, first + count)]
    return pd.DataFrame(rows)


def _person(group: str, number: int, seed: int) -> dict:
    """One person. The draws stand in this order: another order makes other people."""
    rng = np.random.default_rng([7, seed, number])
    site = str(rng.choice(list(SITE_SHARES), p=list(SITE_SHARES.values())))
    young = rng.random() < 0.65  # two humps, as IXI's ages have
    age = float(np.clip(rng.normal(36, 10) if young else rng.normal(63, 8), 20, 86))
    sex = "female" if rng.random() < 0.556 else "male"
    weight_kg = int(rng.normal(72, 11))
    ethnic_id = int(rng.choice([1, 3, 4], p=[0.8, 0.12, 0.08]))
    height_cm = int(rng.normal(177 if sex == "male" else 164, 7))
    return {
        "subject": f"PHANTOM{number:03d}",
        "group": group,
        "number": number,
        "site": site,
        "sex": sex,
        "age": round(age, 2),
        "height_cm": height_cm,
        "weight_kg": weight_kg,
        "ethnic_id": ethnic_id,
    }


def spreadsheet(listed: pd.DataFrame) -> pd.DataFrame:
    """A table with IXI.xls's columns and its kinds of fault.

    They are: repeated ids that disagree, zeros that mean missing, a missing age, a head without a
    row and a row without a head.

    Args:
        listed: of `people`.
    """
    table = pd.DataFrame(
        {
            "IXI_ID": listed.subject,
            "SEX_ID (1=m, 2=f)": np.where(listed.sex == "male", 1, 2),
            "HEIGHT": listed.height_cm,
            "WEIGHT": listed.weight_kg,
            "ETHNIC_ID": listed.ethnic_id,
            "MARITAL_ID": 1 + listed.number % 5,
            "OCCUPATION_ID": 1 + listed.number % 7,
            "QUALIFICATION_ID": 1 + listed.number % 6,
            "DOB": "",
            "DATE_AVAILABLE": 1,
            "STUDY_DATE": "2006-06-01",
            "AGE": listed.age,
        }
    )
    number = listed.number.to_numpy() % 100
    table.loc[number == 5, ["HEIGHT", "WEIGHT"]] = 0  # 0 means missing
    table.loc[number == 7, "ETHNIC_ID"] = 0
    table.loc[number == 9, "AGE"] = np.nan
    repeated = table[number == 3].assign(HEIGHT=0, WEIGHT=0, AGE=lambda rows: rows.AGE + 4)
    without_head = table.head(1).assign(IXI_ID="PHANTOM999", AGE=51.5)
    with_row = table[number != 11]
    rows = pd.concat([with_row, repeated, without_head], ignore_index=True)
    return rows.sort_values("IXI_ID", kind="stable")


# ---- their heads as files


def cohort(
    folder: Path | str,
    *,
    healthy: int = 40,
    tumour: int = 12,
    stroke: int = 12,
    seed: int = 0,
    size: str = "half",
    jobs: int = 2,
    progress: bool = True,
) -> Path:
    """Makes the synthetic cohort in a folder; what is there and intact is not made again.

    Args:
        folder: gets t1/, brain/, lesion/, twin/ (.nii.gz, axes P, S, R), IXI.csv (IXI.xls's columns
            and faults) and subjects.csv.
        healthy: heads without a lesion. A head depends on `seed` and on its number in its group
            only, so a larger cohort holds the smaller one.
        tumour: heads with a tumour.
        stroke: heads with a stroke.
        seed: of the cohort.
        size: "full" (IXI's voxels), "half" or "quarter".
        jobs: processes.
        progress: show a bar.

    Returns:
        the folder.
    """
    folder = Path(folder)
    geometry(size, "HH")  # refuses an unknown size before anything is written
    wanted = people({"healthy": healthy, "tumour": tumour, "stroke": stroke}, seed)
    records = _stored_records(folder, seed, size)
    missing = [
        person
        for person in wanted.to_dict("records")
        if not _intact(folder, records.get(person["subject"]))
    ]
    if missing:
        files.write_text(folder / "README.txt", README)
        load_atlas(folder.parent, _resolution(size))  # once, before the workers want it
    made = _make_heads(missing, folder, seed, size, jobs)
    disable = not (progress and missing)
    for record in tqdm(made, total=len(missing), desc="synthetic heads", disable=disable):
        records[record["subject"]] = record
        stored = {"version": VERSION, "seed": seed, "size": size, "heads": records}
        files.write_json(folder / "heads.json", stored)
    _write_tables(folder, records, seed)
    return folder


def _write_tables(folder: Path, records: Mapping[str, dict], seed: int) -> None:
    """subjects.csv, what is true of the heads that lie here, and IXI.csv, what a clinic has."""
    table = pd.DataFrame([records[subject] for subject in sorted(records)]).drop(columns="files")
    files.write_csv(folder / "subjects.csv", table)
    listed = people(IN_THE_TABLE, seed).merge(table[["subject"]])
    files.write_csv(folder / "IXI.csv", spreadsheet(listed))


def _stored_records(folder: Path, seed: int, size: str) -> dict:
    """Records of the heads in the folder, by subject; none if they were made in another way."""
    try:
        stored = json.loads((folder / "heads.json").read_text())
    except (OSError, ValueError):
        return {}
    same = (stored["version"], stored["seed"], stored["size"]) == (VERSION, seed, size)
    return stored["heads"] if same else {}


def _intact(folder: Path, record: dict | None) -> bool:
    """Whether all files of a head are there with the checksums that its record has."""
    return bool(record) and all(
        (folder / name).is_file() and files.sha256(folder / name) == checksum
        for name, checksum in record["files"].items()
    )


def _make_heads(
    missing: list[dict], folder: Path, seed: int, size: str, jobs: int
) -> Iterator[dict]:
    """Makes heads, in several processes where it pays; yields their records in order."""
    work = [(person, folder, seed, size) for person in missing]
    if jobs < 2 or len(missing) < 4:
        yield from map(_make_and_write, work)
        return
    # spawn, not fork: the caller may be a notebook's kernel with TensorFlow's threads in it
    with ProcessPoolExecutor(jobs, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield from pool.map(_make_and_write, work, chunksize=2)


_templates = {}  # of this process, by folder and resolution


def _template(folder: Path, resolution: int) -> Template:
    if (folder, resolution) not in _templates:
        _templates[folder, resolution] = Template(load_atlas(folder, resolution))
    return _templates[folder, resolution]


def _resolution(size: str) -> int:
    """The atlas's grid in mm that heads of a size are warped from."""
    return 1 if size == "full" else 2


def _make_and_write(work: tuple[dict, Path, int, str]) -> dict:
    """Makes and writes one person's head, masks and twin; returns the record of them."""
    person, folder, seed, size = work
    pictures, lesion_ml = _pictures(person, _template(folder.parent, _resolution(size)), seed, size)
    _, voxel_mm = geometry(size, person["site"])
    for name, array in pictures.items():
        _write_nifti(folder / name, array, voxel_mm)
    return {
        **{key: person[key] for key in ("subject", "group", "site", "sex", "age")},
        "seed": seed,
        "lesion_ml": round(lesion_ml, 3),
        "t1": next(iter(pictures)),
        "files": {name: files.sha256(folder / name) for name in pictures},
    }


def _pictures(
    person: dict, template: Template, seed: int, size: str
) -> tuple[dict[str, np.ndarray], float]:
    """({file name: array of axes P, S, R}, the lesion's volume in ml); the head itself is first."""
    options = {
        "seed": seed,
        "number": person["number"],
        "site": person["site"],
        "sex": person["sex"],
        "age": person["age"],
        "kind": person["group"],
        "size": size,
    }
    ill = person["group"] != "healthy"
    with threadpool_limits(1):  # the same sums in the same order, and jobs do not fight
        head = make_head(template, **options)
        twin = make_head(template, **options, lesion_free=True) if ill else None
    stem = f"{person['subject']}-{person['site']}-{person['number']:04d}-T1"
    pictures = {
        f"t1/{stem}.nii.gz": head["image"],
        f"brain/{stem}_brain.nii.gz": (head["labels"] > 0).astype(np.uint8),
    }
    if ill:
        pictures[f"lesion/{stem}_lesion.nii.gz"] = (head["labels"] >= 16).astype(np.uint8)
        pictures[f"twin/{stem}_twin.nii.gz"] = twin["image"]
    return pictures, head["lesion_ml"]


def _write_nifti(path: Path, array: np.ndarray, voxel_mm: tuple[float, float, float]) -> None:
    """Writes a picture of axes P, S, R as .nii.gz, whole or not at all.

    The same array gives the same bytes: no file name and no time of writing is in them.
    """
    p, s, r = voxel_mm
    middle = np.array(array.shape) / 2
    affine = np.array(
        [
            [0, 0, r, -r * middle[2]],
            [-p, 0, 0, p * middle[0]],
            [0, s, 0, -s * middle[1]],
            [0, 0, 0, 1],
        ]
    )
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.header["descrip"] = b"synthetic head (phantom)"
    with files.whole_file(path) as temporary:
        with (
            open(temporary, "wb") as raw,
            gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=1, mtime=0, filename="") as packed,
        ):
            packed.write(image.to_bytes())
