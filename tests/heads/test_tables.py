"""Tables of people, as hostile as they come: each is read, or is one line, and the rest goes on."""

import os
import random
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brainlib.heads import participants
from brainlib.heads.tables import read_table

ROWS = [["participant_id", "sex", "age"], ["sub-01", "F", "33.4"], ["sub-02", "M", "61"]]


def text_of(rows, separator="\t"):
    return "\n".join(separator.join(row) for row in rows)


def ages_of(path):
    return participants.read_bids_table(path)[0].set_index("subject").age.to_dict()


@pytest.mark.parametrize(
    "content",
    [
        text_of(ROWS).encode("utf-8-sig"),
        text_of(ROWS, ";").replace(".", ",").encode("cp1252"),
        text_of(ROWS, ",").encode("utf-16"),
        text_of(ROWS, "|").encode(),
        text_of(ROWS, ";").replace("\n", "\r\n").encode(),
        ("Our people; as of May, June, July\n\n" + text_of(ROWS, ";")).encode(),
        text_of(
            [
                ["participant_id", "who", "", "notes"],
                ["", "Sex", "Age", ""],
                *[[*row, "a, b, c"] for row in ROWS[1:]],
            ],
            ";",
        ).encode(),
        text_of([[*row, row[2]] for row in ROWS]).encode(),  # two columns age
        text_of([[*row, "", ""] for row in ROWS]).encode(),  # empty columns
    ],
)
def test_ages_are_found_however_a_table_is_saved(content, tmp_path):
    (tmp_path / "participants.tsv").write_bytes(content)
    assert ages_of(tmp_path / "participants.tsv") == {"sub-01": 33.4, "sub-02": 61.0}


def write_xlsx(path, rows, merged):
    """A spreadsheet by hand: a zip of XML, with merged cells."""
    lines = []
    for row in rows:
        cells = [f'<c t="inlineStr"><is><t>{cell}</t></is></c>' if cell else "<c/>" for cell in row]
        lines.append(f"<row>{''.join(cells)}</row>")
    merges = "".join(f'<mergeCell ref="{each}"/>' for each in merged)
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    parts = {
        "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
        "_rels/.rels": f'<Relationships xmlns="{package}/relationships"><Relationship Id="a" '
        f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{office}"><sheets>'
        '<sheet name="People" sheetId="1" r:id="b"/></sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="b" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/>'
        "</Relationships>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{main}"><sheetData>{"".join(lines)}'
        f"</sheetData><mergeCells>{merges}</mergeCells></worksheet>",
    }
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


@pytest.mark.parametrize("name", ["participants.xlsx", "participants.tsv"])
def test_merged_cells_of_a_spreadsheet_under_any_name(name, tmp_path):
    heading = [["Study 12", "", ""], ["participant_id", "Person", ""], ["", "sex", "age"]]
    write_xlsx(tmp_path / name, [*heading, *ROWS[1:]], ["A1:C1", "B2:C2", "A2:A3"])
    assert ages_of(tmp_path / name) == {"sub-01": 33.4, "sub-02": 61.0}


@pytest.mark.parametrize(
    "cell, age",
    [
        ("33,5", 33.5),
        ("33.449999", 33.4),
        ("045Y", 45.0),
        ("89+", 89.0),
        ("33 years", 33.0),
        ("9" * 400, np.nan),
        ("1e400", np.nan),
        ("-" * 400, np.nan),
        ("19530208", np.nan),
        ("1953-02-08", np.nan),
        ("nan", np.nan),
        ("\u0663\u0663 \U0001f9e0", np.nan),
    ],
)
def test_cells_of_ages(cell, age, tmp_path):
    (tmp_path / "participants.tsv").write_text(f"participant_id\tage\n01\t{cell}\n02\t40\n")
    table, problems = participants.read_bids_table(tmp_path / "participants.tsv")
    np.testing.assert_equal(table.age.tolist(), [age, 40.0])
    told = " ".join(each["detail"] for each in problems)
    assert "1953" not in told and len(told) < 100  # no date of birth, no cell of 400 digits


def test_a_table_without_a_line_of_names_is_not_quoted(tmp_path):
    (tmp_path / "participants.tsv").write_text("Jane Doe\t1953-02-08\nJohn Doe\t1948-02-12\n")
    with pytest.raises(ValueError, match="expected a column participant_id") as refusal:
        participants.read_bids_table(tmp_path / "participants.tsv")
    assert "1953" not in str(refusal.value) and "doe" not in str(refusal.value).lower()


def test_two_columns_of_sex_in_a_table_of_ixi(tmp_path):
    columns = ["IXI_ID", "SEX_ID (1=m, 2=f)", "SEX_ID", "AGE", "AGE"]
    table = pd.DataFrame([[1, 2, 1, 30.04, 99]], columns=columns)
    table.to_csv(tmp_path / "IXI.csv", index=False)
    found, _ = participants.read_ixi_table(tmp_path / "IXI.csv")
    assert found[["subject", "sex", "age"]].values.tolist() == [["IXI001", "female", 30.0]]


def test_flipped_bits_of_the_real_table_are_one_line(ixi_sample, tmp_path, capfd):
    whole = (ixi_sample / "IXI.xls").read_bytes()
    draw = random.Random(0)
    refused = 0
    for _ in range(60):
        broken = bytearray(whole)
        for _ in range(20):
            broken[draw.randrange(len(broken))] ^= 1 << draw.randrange(8)
        (tmp_path / "IXI.xls").write_bytes(broken[: draw.choice([len(broken), 5000])])
        try:
            participants.read_ixi_table(tmp_path / "IXI.xls")
        except ValueError as error:
            refused += 1
            assert "\n" not in str(error) and str(tmp_path / "IXI.xls") in str(error)
    assert refused > 10 and capfd.readouterr().err == ""  # nor lines of Rust


CELLS = st.one_of(
    st.sampled_from(["", "n/a", "1e400", "9" * 400, "$x^{$", "../evil", '"', "a\nb", "1953-02-08"]),
    st.text(max_size=8),
    st.floats().map(str),
)
NAMES = st.one_of(st.sampled_from(["participant_id", "Age", "age", "sex", "IXI_ID"]), CELLS)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.lists(CELLS, max_size=6), max_size=6),
    names=st.lists(NAMES, max_size=6),
    separator=st.sampled_from(",;\t"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"]),
)
def test_any_table_is_read_or_refused_in_one_line(rows, names, separator, encoding, tmp_path):
    path = tmp_path / f"participants{os.getpid()}.csv"
    text = "\n".join(separator.join(row) for row in [names, *rows])
    path.write_bytes(text.encode(encoding, errors="replace"))
    heads = pd.DataFrame({"subject": ["sub-01", "n/a", "1", "evil"]})
    try:
        found, problems = participants.read_bids_table(path)
        assert found.subject.is_unique and (found.subject != "").all()
        assert (found.age.isna() | found.age.between(0, 120)).all()
        participants.matched(found.subject, heads.subject)
    except ValueError as error:
        assert str(path) in str(error) and "\n" not in str(error)
        return
    assert all("\n" not in each["detail"] for each in problems)
    assert read_table(path).columns.is_unique


def test_an_accent_written_in_two_ways_is_one_person(tmp_path):
    (tmp_path / "participants.tsv").write_text("participant_id\tage\nJos\u00e9\t33\n")
    table, _ = participants.read_bids_table(tmp_path / "participants.tsv")
    heads = pd.Series(["sub-Jose\u0301"])
    assert participants.matched(table.subject, heads) == {"sub-Jose\u0301": [0]}
