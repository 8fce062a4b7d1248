"""Downloads that break, go on, are checked and unpacked; archives that are damaged or evil."""

import contextlib
import hashlib
import http.server
import io
import tarfile
import threading

import nibabel
import numpy as np
import pytest
import requests

from brainlib import downloads

OLD, NEW = b"A" * 3_000_000, b"B" * 2_500_000
MB = 1 << 20


@contextlib.contextmanager
def server(contents, *, tags=(), heeds_if_range=True, cut=None):
    """A server of {name: bytes} with an ETag by name.

    It may ignore If-Range, or end each answer after `cut` bytes.
    """
    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            name = self.path.lstrip("/")
            content, tag, start = contents[name], dict(tags).get(name), 0
            seen.append((self.headers.get("Range"), self.headers.get("If-Range")))
            if self.headers.get("Range") and (
                not heeds_if_range or self.headers.get("If-Range") in (None, tag)
            ):
                start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            status = 206 if start else 200
            self.send_response(416 if start and start >= len(content) else status)
            if tag:
                self.send_header("ETag", tag)
            self.send_header("Content-Length", str(len(content[start:])))
            self.end_headers()
            self.wfile.write(content[start:][:cut])

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/", seen
    finally:
        running.shutdown()
        running.server_close()


def download(url, folder):
    downloads.ResumingDownloader(retries=0)(url + "file", folder / "file", None)
    assert sorted(path.name for path in folder.iterdir()) == ["file"]
    return (folder / "file").read_bytes()


def broken_download(folder, tags):
    with (
        server({"file": OLD}, tags=tags, cut=MB) as (url, _),
        pytest.raises(requests.RequestException),
    ):
        download(url, folder)
    assert (folder / ".file.part").read_bytes() == OLD[:MB]


def test_a_broken_download_goes_on_in_another_process(tmp_path):
    broken_download(tmp_path, {"file": '"1"'})
    with server({"file": OLD}, tags={"file": '"1"'}) as (url, seen):
        assert download(url, tmp_path) == OLD and seen == [(f"bytes={MB}-", '"1"')]


@pytest.mark.parametrize("heeds_if_range", [True, False])
@pytest.mark.parametrize("tags", [{"file": '"2"'}, {}])
def test_a_part_of_another_version_begins_anew(tmp_path, tags, heeds_if_range):
    broken_download(tmp_path, {"file": '"1"'})
    with server({"file": NEW}, tags=tags, heeds_if_range=heeds_if_range) as (url, _):
        assert download(url, tmp_path) == NEW


@pytest.mark.parametrize(
    "part", [b"X" * MB, b"X" * len(NEW), b"X" * 3 * MB], ids=["short", "as long", "longer"]
)
@pytest.mark.parametrize("version", ["", '"1"', None])
@pytest.mark.parametrize("tags", [{"file": '"2"'}, {}])
def test_a_part_that_nobody_knows_or_that_is_too_long_begins_anew(tmp_path, part, version, tags):
    (tmp_path / ".file.part").write_bytes(part)
    if version is not None:
        (tmp_path / ".file.version").write_text(version)
    with server({"file": NEW}, tags=tags, heeds_if_range=False) as (url, _):
        assert download(url, tmp_path) == NEW


def tar_of(name, content):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return stream.getvalue()


@pytest.mark.parametrize(
    "bad",
    [b"<html>Moved</html>" * 100, tar_of("IXI001-Guys-0001-T1.nii.gz", NEW)[:-MB], b""],
    ids=["page", "cut", "empty"],
)
def test_a_damaged_archive_is_deleted_and_fetched_anew(tmp_path, bad):
    contents = {"IXI.xls": b"table", "IXI-T1.tar": bad}
    with server(contents) as (url, _):
        with pytest.raises(
            OSError, match="IXI-T1.tar: expected a tar archive, got .* deleted"
        ) as caught:
            downloads.ixi(tmp_path, url=url)
        assert (
            "\n" not in str(caught.value)
            and not (tmp_path / "IXI-T1.tar").exists()
            and not (tmp_path / "t1").exists()
        )
        contents["IXI-T1.tar"] = tar_of("IXI001-Guys-0001-T1.nii.gz", NEW)
        assert (
            downloads.ixi(tmp_path, url=url) / "t1" / "IXI001-Guys-0001-T1.nii.gz"
        ).read_bytes() == NEW


@pytest.mark.parametrize("lacks", ["a head", "the content of a head"])
def test_an_archive_of_too_few_heads_leaves_nothing(tmp_path, lacks):
    names = [f"IXI00{number}-HH-000{number}-T1.nii.gz" for number in (1, 2, 3)]
    members = [(tarfile.TarInfo(name), b"head") for name in names]
    whole = make_tar(tmp_path / "whole.tar", *members).read_bytes()
    few = members[:2] + ([] if lacks == "a head" else [(tarfile.TarInfo(names[2]), b"")])
    contents = {
        "IXI.xls": b"table",
        "IXI-T1.tar": make_tar(tmp_path / "few.tar", *few).read_bytes(),
    }
    with server(contents) as (url, _):
        with pytest.raises(OSError, match="it holds 2 heads, not 3.* deleted"):
            downloads.ixi(tmp_path / "ixi", url=url, count=3)
        left = {path.name for path in (tmp_path / "ixi").iterdir()}
        assert "t1" not in left and "IXI-T1.tar" not in left
        contents["IXI-T1.tar"] = whole
        downloads.ixi(tmp_path / "ixi", url=url, count=3)
    assert sorted(path.name for path in (tmp_path / "ixi" / "t1").iterdir()) == names
    assert downloads.IXI_HEADS == 581


def test_an_archive_is_kept_where_it_is_not_at_fault(tmp_path, monkeypatch):
    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(downloads, "unpack", full_disk)
    with (
        server({"IXI.xls": b"table", "IXI-T1.tar": tar_of("a.nii.gz", NEW)}) as (url, _),
        pytest.raises(OSError, match="No space"),
    ):
        downloads.ixi(tmp_path, url=url)
    assert (tmp_path / "IXI-T1.tar").exists()


# ---- from a folder that a server has


def write_head(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    array = np.random.default_rng(0).uniform(0, 100, (7, 8, 9)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)
    return path


@contextlib.contextmanager
def folder_server(folder, cut_after=None):
    """A local server with Range.

    cut_after: it breaks the first answer of each file off after so many bytes.
    """
    cut, requests_seen = set(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            requests_seen.append((self.path, self.headers.get("Range")))
            path = folder / self.path.lstrip("/")
            if not path.is_file():
                self.send_error(404)
                return
            content, start = path.read_bytes(), 0
            if self.headers.get("Range"):
                start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            if cut_after and self.path not in cut:
                cut.add(self.path)
                body = body[:cut_after]
            self.wfile.write(body)

    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=running.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{running.server_port}/", requests_seen
    finally:
        running.shutdown()
        running.server_close()


def sample_server(folder):
    """A server folder in the sample's layout, and its checksums."""
    sums = {}
    for name, place in (
        ("t1/IXI012-HH-1211-T1_ds.nii.gz", "t1"),
        ("brain/IXI012-HH-1211-T1_ds_DLMUSE.nii.gz", "dlmuse"),
    ):
        path = write_head(folder / place / name.split("/")[1])
        sums[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "IXI.xls").write_bytes(b"table")
    return {**sums, "IXI.xls": hashlib.sha256(b"table").hexdigest()}


def test_the_sample_is_fetched_once_and_checked(tmp_path):
    sums = sample_server(tmp_path / "web")
    with folder_server(tmp_path / "web") as (url, seen):
        folder = downloads.ixi_sample(tmp_path / "data", url=url, ixi_url=url, sums=sums)
        assert all(
            hashlib.sha256((folder / name).read_bytes()).hexdigest() == known
            for name, known in sums.items()
        )
        before = len(seen)
        downloads.ixi_sample(tmp_path / "data", url=url, ixi_url=url, sums=sums)
        assert len(seen) == before


def test_a_wrong_checksum_leaves_nothing_visible(tmp_path):
    sums = sample_server(tmp_path / "web")
    sums["t1/IXI012-HH-1211-T1_ds.nii.gz"] = "0" * 64
    with (
        folder_server(tmp_path / "web") as (url, _),
        pytest.raises(OSError, match="could not be fetched.*BRAINLIB_IXI_SAMPLE"),
    ):
        downloads.ixi_sample(tmp_path / "data", url=url, ixi_url=url, sums=sums)
    assert not [path for path in (tmp_path / "data").rglob("*") if path.is_file()]


def hh_server(folder):
    """A server folder in the layout of ixi-hh's repository, and its checksums."""
    sums = {}
    for name in ("t1/IXI052-HH-1343_T1", "dlmuse_seg/IXI052-HH-1343_T1_DLMUSE"):
        path = write_head(folder / f"{name}.nii.gz")
        sums[f"{name}.nii.gz"] = hashlib.sha256(path.read_bytes()).hexdigest()
    table = b"MRID,Age,Sex\nIXI052-HH-1343,33.76,F\n"
    (folder / "participants").mkdir()
    (folder / "participants" / "participants.csv").write_bytes(table)
    return {**sums, "participants/participants.csv": hashlib.sha256(table).hexdigest()}


def test_ixi_hh_is_fetched_once_goes_on_and_is_checked(tmp_path):
    sums = hh_server(tmp_path / "web")
    with folder_server(tmp_path / "web", cut_after=500) as (url, seen):
        folder = downloads.ixi_hh(tmp_path / "data", url=url, ixi_url=url, sums=sums)
        found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
        assert found == [
            "brain/IXI052-HH-1343_T1_DLMUSE.nii.gz",
            "participants.csv",
            "t1/IXI052-HH-1343_T1.nii.gz",
        ]
        assert len(seen) == 5  # the table has less than 500 bytes; the heads broke off once
        before = len(seen)
        (folder / "t1" / "IXI052-HH-1343_T1.nii.gz").unlink()
        downloads.ixi_hh(tmp_path / "data", url=url, ixi_url=url, sums=sums)
        assert len(seen) == before + 1  # only what is missing
        sums["t1/IXI052-HH-1343_T1.nii.gz"] = "0" * 64
        with pytest.raises(OSError, match="could not be fetched.*BRAINLIB_IXI_HH"):
            downloads.ixi_hh(tmp_path / "other", url=url, ixi_url=url, sums=sums)


def test_the_committed_list_of_ixi_hh():
    sums = downloads._hh_sums()
    assert len(sums) == 371 and all(len(checksum) == 64 for checksum in sums.values())
    assert {name.partition("/")[0] for name in sums} == set(downloads.HH_FOLDERS)
    assert sums["t1/IXI052-HH-1343_T1.nii.gz"].startswith("8cce08da65df")


def test_a_broken_download_goes_on_where_it_stopped(tmp_path):
    content = np.random.default_rng(0).bytes(3_000_000)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "large.bin").write_bytes(content)
    with folder_server(tmp_path / "web", cut_after=1_200_000) as (url, seen):
        path = downloads.fetch(
            [url + "large.bin"],
            tmp_path / "data" / "large.bin",
            hashlib.sha256(content).hexdigest(),
        )
    assert path.read_bytes() == content and any(
        wanted and wanted != "bytes=0-" for _, wanted in seen
    )
    assert sorted(item.name for item in (tmp_path / "data").iterdir()) == ["large.bin"]


def make_tar(path, *members):
    with tarfile.open(path, "w") as tar:
        for member, content in members:
            if content is not None:
                member.size = len(content)
            tar.addfile(member, io.BytesIO(content) if content is not None else None)
    return path


def link(name, target):
    member = tarfile.TarInfo(name)
    member.type, member.linkname = tarfile.SYMTYPE, target
    return member


@pytest.mark.parametrize(
    "member, content",
    [
        (tarfile.TarInfo("../evil.nii"), b"x"),
        (tarfile.TarInfo("/tmp/evil-brainlib.nii"), None),
        (link("way-out", "/etc"), None),
    ],
)
def test_archives_that_leave_the_folder_are_refused(tmp_path, member, content):
    archive = make_tar(
        tmp_path / "evil.tar", (tarfile.TarInfo("good.nii"), b"good"), (member, content)
    )
    if member.name.startswith("/"):
        downloads.unpack(
            archive, tmp_path / "out"
        )  # an absolute name is taken as one inside the folder
        assert (tmp_path / "out" / "tmp" / "evil-brainlib.nii").exists()
        return
    with pytest.raises(ValueError, match="Do not use this archive"):
        downloads.unpack(archive, tmp_path / "out")
    assert sorted(item.name for item in tmp_path.iterdir()) == ["evil.tar"]


@pytest.mark.parametrize("damage", ["a flipped byte in a header", "cut at a member", "no members"])
def test_a_damaged_archive_leaves_no_folder(tmp_path, damage):
    members = [] if damage == "no members" else ["a.nii", "b.nii", "c.nii"]
    archive = make_tar(
        tmp_path / "heads.tar", *((tarfile.TarInfo(name), b"head") for name in members)
    )
    content = bytearray(archive.read_bytes())
    if "flipped" in damage:
        content[2 * 1024 + 3] ^= 255  # each member is a header and one block
    elif "cut" in damage:
        content = content[: 2 * 1024]
    archive.write_bytes(content)
    with pytest.raises(tarfile.ReadError):
        downloads.unpack(archive, tmp_path / "out")
    assert [item.name for item in tmp_path.iterdir()] == ["heads.tar"]


def test_the_whole_set_is_unpacked_once(tmp_path):
    head = write_head(tmp_path / "IXI001-Guys-0001-T1.nii.gz")
    web = tmp_path / "web"
    web.mkdir()
    with tarfile.open(web / "IXI-T1.tar", "w") as tar:
        tar.add(head, head.name)
    (web / "IXI.xls").write_bytes(b"table")
    with folder_server(web) as (url, seen):
        folder = downloads.ixi(tmp_path / "data", url=url)
        assert (folder / "t1" / head.name).exists() and (folder / "IXI-T1.tar.sha256").exists()
        before = len(seen)
        downloads.ixi(tmp_path / "data", url=url)
        assert len(seen) == before
