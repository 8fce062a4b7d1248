"""Files that are whole or not there, and what killed processes leave."""

from brainlib import files


def test_what_killed_processes_left_goes_and_what_is_being_written_stays(tmp_path):
    left = tmp_path / "slices" / ".part-left.npy"
    left.parent.mkdir()
    left.write_bytes(b"12345")
    (tmp_path / "slices" / "images.npy").write_bytes(b"whole")
    with files.whole_file(tmp_path / "slices" / "brains.npy") as temporary:
        assert files.remove_leftovers(tmp_path) == 5
        assert temporary.exists() and not left.exists()
        temporary.write_bytes(b"whole")
    names = [path.name for path in left.parent.iterdir()]
    assert sorted(names) == ["brains.npy", "images.npy"]
    assert files.remove_leftovers(tmp_path) == 0
