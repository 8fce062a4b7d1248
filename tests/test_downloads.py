"""Downloads that go on only with what the server still has, and archives that are damaged. The rest: tests/test_datasets.py."""

import contextlib
import http.server
import io
import tarfile
import threading

import pytest
import requests

from brainlib import downloads

OLD, NEW = b"A" * 3_000_000, b"B" * 2_500_000
MB = 1 << 20


@contextlib.contextmanager
def server(contents, *, tags=(), heeds_if_range=True, cut=None):
    """A server of {name: bytes} with an ETag by name; it may ignore If-Range, or end each answer after `cut` bytes."""
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
            self.send_response(416 if start and start >= len(content) else 206 if start else 200)
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
