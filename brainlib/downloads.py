"""Fetching public data: pinned checksums, resumed downloads, safe unpacking; never half-visible."""

from __future__ import annotations

import csv
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import pooch
import requests
from tqdm.auto import tqdm

from brainlib import files

IXI_URL = "http://biomedic.doc.ic.ac.uk/brain-development/downloads/IXI/"
SAMPLE_URL = (
    "https://raw.githubusercontent.com/CBICA/CCL_NMF_Prediction/"
    "ec021b5aafc9ddf7ed08f0bca1ce4b673e3bfc4f/test/input/IXI/"
)
# Where the repository may keep our folders.
SAMPLE_FOLDERS = {"t1": ("t1", "T1", ""), "brain": ("dlmuse", "DLMUSE", "")}
# A line each, as sha256sum prints it.
_SAMPLE_SUMS = """
d4d595a3d2ea2a0b597be64054193bf52cbea37dfdea8424459154991fc8eba3  t1/IXI012-HH-1211-T1_ds.nii.gz
3d9f39cc7ce649573361494da47708a19d40b230fc40660296281f1bcee26be7  t1/IXI013-HH-1212-T1_ds.nii.gz
74c815403bde182fe762bf8f63288fa06891546f899e55e33b68f1a9146240c2  t1/IXI014-HH-1236-T1_ds.nii.gz
0ef3b676a5fd76583d76edf9176cdac89732e5663b44680764ad3908644d223a  t1/IXI015-HH-1258-T1_ds.nii.gz
1a668062b42c2a64737a0375cbe457187a63e756aaa3d9602eb9a05c4b169bc5  t1/IXI033-HH-1259-T1_ds.nii.gz
c2c52c9d50fee114e494af194b79887df8c5b6b9d5cd0f554507b0ce8a838395  t1/IXI034-HH-1260-T1_ds.nii.gz
709d996de85933843fd2bd91c8d52194945562b5906da433142e47fb54ba3d16  t1/IXI039-HH-1261-T1_ds.nii.gz
56bbd7624a7468af5179a6c14e89df516bd5dfdbbfbcd8a754f4844746219378  t1/IXI048-HH-1326-T1_ds.nii.gz
3014985b1e61c03ff36ebe73c6d999662bc29b9bff96d3fedbebc03e0f789287  t1/IXI049-HH-1358-T1_ds.nii.gz
43dd4680b51c2d21257fdcfe727bc33bdfaf720c2d09ba09c18a839fbe1215da  t1/IXI051-HH-1328-T1_ds.nii.gz
6391dd8cdfccaa7f7eb35b40da3affd5330099aad60db13579166e0f0780e352  brain/IXI012-HH-1211-T1_ds_DLMUSE.nii.gz
893eff4670897f1a8f82f35927aad8f9e33cd960d3e212093156610aa03f99ef  brain/IXI013-HH-1212-T1_ds_DLMUSE.nii.gz
d48f555c50893ff0aa7753abb45a7c9e75e9057648d4cd1863f41f189a0e0525  brain/IXI014-HH-1236-T1_ds_DLMUSE.nii.gz
67f3d2e43e42841553d74d2e81aee7a5bb031d147792b14372adbc4033a13116  brain/IXI015-HH-1258-T1_ds_DLMUSE.nii.gz
311cd6d59b6bf658f3482d8289b7816a16b055b52352483ace91877cb9d7f6ae  brain/IXI033-HH-1259-T1_ds_DLMUSE.nii.gz
ba148de5105b8d4322048947ee73ddc00ef9ca1191877dbef30404b62ee9df63  brain/IXI034-HH-1260-T1_ds_DLMUSE.nii.gz
5b4655d186475f089e01d6124e93e7552f1cfd654d474d2cf2bde53cd5b71e38  brain/IXI039-HH-1261-T1_ds_DLMUSE.nii.gz
ad9fbb847aca6af4cf50da6fb3377806e48d4c579ff49fe8d5ec0279e08b9907  brain/IXI048-HH-1326-T1_ds_DLMUSE.nii.gz
9ef8f2c614a7b657338a26ff4bf4642339ca6f61e5f617d0f6103b8524648af8  brain/IXI049-HH-1358-T1_ds_DLMUSE.nii.gz
26f4e46a22dc168d46ef1b3adf308cf88a582b33bb3ba4f7ef987fb0270a927f  brain/IXI051-HH-1328-T1_ds_DLMUSE.nii.gz
d7ce0b9e973117bf57f51c746ba45f039555bcc66cd208d27d77acdf80c2195f  IXI.xls
"""  # noqa: E501
SAMPLE_SHA256 = dict(reversed(line.split()) for line in _SAMPLE_SUMS.strip().splitlines())
HH_COMMIT = "c40d6a136adb03b03ac67203fdabd6716c9b4197"
HH_URL = (
    f"https://raw.githubusercontent.com/CBICA/NiChart_Project/{HH_COMMIT}/test_data/processed/IXI/"
)
HH_SUMS = Path(__file__).with_name("ixi_hh_sums.csv")  # file there, SHA-256
HH_FOLDERS = {"t1": "t1/", "dlmuse_seg": "brain/", "participants": ""}  # there: here
IXI_HEADS = 581  # T1 volumes in IXI-T1.tar
RETRIES = 4


class ResumingDownloader:
    """A downloader for pooch that goes on where a broken download stopped (HTTP Range), with a bar.

    A part is only gone on with where the server still has the version that it is of: its ETag or
    date lies beside the part.

    Args:
        timeout: seconds that the server may be silent.
        retries: how often a broken connection is taken up again.
        bar: whether each file has a bar.
    """

    def __init__(self, *, timeout: float = 30, retries: int = RETRIES, bar: bool = True):
        self.timeout, self.retries, self.bar = timeout, retries, bar

    def __call__(
        self, url: str, output_file: str, pooch: object, check_only: bool = False
    ) -> bool | None:
        if check_only:
            return requests.head(url, timeout=self.timeout).ok
        # Pooch's own temporary file dies with it; this one stays.
        part = _part_file(Path(output_file).parent, url)
        version = part.with_suffix(".version")
        if not version.exists() or not version.read_text():
            part.unlink(missing_ok=True)
        for attempt in range(self.retries + 1):
            try:
                self._append(url, part, version)
                break
            except (
                requests.ConnectionError,
                requests.Timeout,
                requests.exceptions.ChunkedEncodingError,
            ):
                if attempt == self.retries:
                    raise
        shutil.move(part, output_file)
        version.unlink(missing_ok=True)
        return None

    def _append(self, url: str, part: Path, version: Path) -> None:
        """Goes on with a part, or begins it anew; raises ConnectionError where it ends early."""
        start = part.stat().st_size if part.exists() else 0
        known = version.read_text() if start else ""
        headers = {"Range": f"bytes={start}-", "If-Range": known or None} if start else {}
        with requests.get(url, headers=headers, stream=True, timeout=self.timeout) as answer:
            goes_on = answer.status_code == 206
            other_version = goes_on and _version(answer) != known
            if start and (answer.status_code == 416 or other_version):
                part.unlink()  # it is no beginning of what the server has now
                return self._append(url, part, version)
            answer.raise_for_status()
            if not goes_on:
                start = 0
                part.unlink(missing_ok=True)
                version.write_text(_version(answer))
            expected = int(answer.headers.get("Content-Length", 0)) + start
            _write_answer(answer, part, start, expected, bar=self.bar)
        if expected and part.stat().st_size < expected:
            raise requests.ConnectionError(
                f"{url}: the connection ended after {part.stat().st_size} of {expected} bytes"
            )


def _part_file(folder: Path, url: str) -> Path:
    """Where a file lies while it is not whole."""
    return folder / f".{Path(url).name}.part"


def _write_answer(
    answer: requests.Response, part: Path, start: int, expected: int, *, bar: bool
) -> None:
    """Appends an answer's content to a part from byte `start` on, with a bar."""
    progress = tqdm(
        total=expected or None,
        initial=start,
        unit="B",
        unit_scale=True,
        desc=part.name[1:-5],
        disable=not bar,
    )
    with open(part, "ab" if start else "wb") as handle, progress:
        for piece in answer.iter_content(1 << 20):
            handle.write(piece)
            progress.update(len(piece))


def _version(answer: requests.Response) -> str:
    """What tells versions of a file apart, fit for If-Range.

    Its strong ETag, else its date, else nothing.
    """
    tag = answer.headers.get("ETag", "W/")
    return answer.headers.get("Last-Modified", "") if tag.startswith("W/") else tag


def ixi_sample(
    folder: Path | str,
    *,
    url: str = SAMPLE_URL,
    ixi_url: str = IXI_URL,
    sums: Mapping[str, str] | None = None,
) -> Path:
    """Ten real IXI heads at 2 mm with their parcellations, and IXI.xls; returns the folder.

    Args:
        folder: where they lie, or will lie.
        url: of the heads.
        ixi_url: of IXI.xls.
        sums: {file: SHA-256}; the pinned ones when absent.

    Raises:
        OSError: a file could not be fetched, or is another one.
    """
    folder = Path(folder)
    for name, checksum in (sums or SAMPLE_SHA256).items():
        kind, _, short = name.partition("/")
        places = [ixi_url + name]
        if kind in SAMPLE_FOLDERS:
            prefixes = [f"{place}/" if place else "" for place in SAMPLE_FOLDERS[kind]]
            places = [url + prefix + short for prefix in prefixes]
        fetch(places, folder / name, checksum)
    return folder


def ixi_hh(
    folder: Path | str,
    *,
    url: str = HH_URL,
    ixi_url: str = IXI_URL,
    sums: Mapping[str, str] | None = None,
) -> Path:
    """The 185 real IXI heads of one site (HH, 3 T) at 2 mm with parcellations; returns the folder.

    It holds t1/, brain/ (label > 0 is brain) and participants.csv (age and sex of 181), or IXI.xls
    where that table cannot be had. What is there with its checksum is not fetched again, and a
    broken file goes on where it stopped. 117 MB.

    Args:
        folder: where they lie, or will lie.
        url: of the folders t1/, dlmuse_seg/ and participants/.
        ixi_url: of IXI.xls.
        sums: {file below url: SHA-256}; those of `HH_SUMS` when absent.

    Raises:
        OSError: a file could not be fetched, or is another one.
    """
    folder = Path(folder)
    advice = "or set BRAINLIB_IXI_HH to a folder that has them"
    for name, checksum in tqdm((sums or _hh_sums()).items(), desc="ixi-hh", unit=" files"):
        there, _, short = name.partition("/")
        path = folder / f"{HH_FOLDERS[there]}{short}"
        try:
            fetch([url + name], path, checksum, advice=advice, bar=False)
        except OSError:
            if there != "participants":
                raise
            table = folder / "IXI.xls"
            fetch([ixi_url + table.name], table, SAMPLE_SHA256[table.name], advice=advice)
    return folder


def _hh_sums() -> dict[str, str]:
    with open(HH_SUMS, encoding="utf-8", newline="") as table:
        return {row["file"]: row["sha256"] for row in csv.DictReader(table)}


def ixi(folder: Path | str, *, url: str = IXI_URL, count: int | None = None) -> Path:
    """The IXI T1 set and IXI.xls; returns the folder.

    The archive has no published checksum: its own is kept beside it, and its heads are counted.

    Args:
        folder: where they lie, or will lie.
        url: of both files.
        count: of the heads in the archive; IXI's 581 when absent, any number from another address.

    Raises:
        OSError: it could not be fetched, or is damaged: then it is deleted, so that the next call
            fetches it anew.
    """
    folder = Path(folder)
    checksum = SAMPLE_SHA256["IXI.xls"] if url == IXI_URL else None
    fetch([url + "IXI.xls"], folder / "IXI.xls", checksum)
    heads = folder / "t1"
    if not heads.is_dir():
        archive = fetch([url + "IXI-T1.tar"], folder / "IXI-T1.tar", None)
        files.write_text(folder / "IXI-T1.tar.sha256", f"{files.sha256(archive)}  IXI-T1.tar\n")
        try:
            unpack(archive, heads, count or (IXI_HEADS if url == IXI_URL else None))
        # No other error: a full disk is not the archive's fault.
        except (tarfile.TarError, EOFError, zlib.error) as error:
            archive.unlink()
            reason = " ".join(str(error).split())
            raise OSError(
                f"{archive}: expected a tar archive, got a truncated or damaged file ({reason}). "
                "It is deleted now: start again to fetch it anew, or pass a folder of heads to "
                "--data."
            ) from error
    return folder


def fetch(
    places: Sequence[str],
    path: Path,
    sha256: str | None,
    *,
    advice: str = "or pass a folder to --data (for ixi-sample: set BRAINLIB_IXI_SAMPLE)",
    bar: bool = True,
) -> Path:
    """One file from the first place that has it, whole and checked.

    Args:
        places: addresses.
        path: of the file; where it is there with its checksum, nothing is fetched.
        sha256: its checksum, where one is known.
        advice: what else can be done, for the message.
        bar: whether the file has a bar.

    Raises:
        OSError: no place has it, or another file; each is named.
    """
    if path.exists() and (sha256 is None or files.sha256(path) == sha256):
        return path
    errors = []
    path.parent.mkdir(parents=True, exist_ok=True)
    known_hash = None if sha256 is None else f"sha256:{sha256}"
    for place in places:
        try:
            found = pooch.retrieve(
                place,
                known_hash,
                fname=path.name,
                path=path.parent,
                downloader=ResumingDownloader(bar=bar),
            )
            return Path(found)
        except (requests.RequestException, OSError, ValueError) as error:
            if isinstance(error, ValueError):  # another checksum: no part is worth keeping
                _part_file(path.parent, place).unlink(missing_ok=True)
            errors.append(f"{place}: {error}")
    raise OSError(
        f"{path.name}: could not be fetched ({'; '.join(errors)}). Without a network, "
        f"copy the files to {path.parent} by hand, {advice}."
    )


def unpack(archive: Path | str, folder: Path | str, count: int | None = None) -> Path:
    """Unpacks a tar archive into a new folder: whole or not at all, and never outside of it.

    Args:
        archive: the tar.
        folder: the new folder.
        count: of the NIfTI files that it must hold; any number when absent.

    Raises:
        ValueError: a member is a link or a device, or would leave the folder; it is named.
        tarfile.ReadError: the archive is damaged, cut off or empty, or holds another number.
    """
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=folder.parent, prefix=".unpacking-"))
    try:
        with tarfile.open(archive) as tar:
            for member in tqdm(tar, desc=f"unpacking {Path(archive).name}", unit=" files"):
                if not (member.isfile() or member.isdir()):
                    raise ValueError(
                        f"{archive}: expected plain files, got a link or device: {member.name}. "
                        "Do not use this archive."
                    )
                try:
                    tar.extract(member, temporary, filter="data")
                except tarfile.FilterError as error:
                    raise ValueError(
                        f"{archive}: a member would leave the folder: {member.name}. "
                        "Do not use this archive."
                    ) from error
            _refuse_without_end(tar)
        found = sum(1 for path in temporary.rglob("*.nii.gz") if path.stat().st_size)
        if count is not None and found != count:
            raise tarfile.ReadError(f"it holds {found} heads, not {count}")
        os.replace(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _refuse_without_end(tar: tarfile.TarFile) -> None:
    """Raises tarfile.ReadError where the last member is not followed by the block that ends a tar.

    tarfile takes a damaged header and the end of a cut file for the end of the archive.
    """
    tar.fileobj.seek(tar.offset)
    if not tar.getmembers() or tar.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError(f"it ends after {len(tar.getmembers())} files without an end block")
