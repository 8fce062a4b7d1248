"""Files that are whole or not there, and what killed processes leave."""

import errno
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brainlib import files

HOSTILE = (
    *("../evil", "a/b", ".hidden", "-rf", "", "x" * 300, "\N{BRAIN}" * 300, "\u00e9" * 300),
    *("CON", "nul.txt", "com1", "a\nb", "a\0b", "~", "$x^{$", "a;b", "#1", "trailing.", "\udcff"),
    *("Jos\u00e9", unicodedata.normalize("NFD", "Jos\u00e9"), "sub 01", "sub_01", "SUB_01"),
)


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


def are_safe(names, folder):
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert 0 < len(name.encode()) < 200 and not name.startswith((".", "-")) and "/" not in name
        assert not name.endswith(".") and name.split(".")[0].upper() not in ("CON", "NUL", "COM1")
        (folder / f"{name}_anomaly.nii.gz").touch()
    assert len(list(folder.iterdir())) == len(names)


def test_no_two_people_share_a_file_name_and_none_leaves_its_folder(tmp_path):
    are_safe(files.unique_file_names([*HOSTILE, "sub_01-2"]), tmp_path)
    plain = ["sub-01", "IXI012", "M\u00fcller_2", "p.1"]
    assert files.unique_file_names(plain) == plain


@given(st.lists(st.text(max_size=12) | st.sampled_from(HOSTILE), unique=True, max_size=12))
def test_any_names_of_people_make_names_of_files(tmp_path_factory, names):
    are_safe(files.unique_file_names(names), tmp_path_factory.mktemp("names"))


def test_a_full_disk_names_the_file(tmp_path):
    with pytest.raises(OSError) as caught, files.whole_file(tmp_path / "table.csv"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert caught.value.filename == str(tmp_path / "table.csv")
    assert not list(tmp_path.iterdir())
