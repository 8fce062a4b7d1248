"""What stands right behind a piece of a line stays text."""

import typst

from brainlib.show.report import inline, pdf_writer


def test_what_stands_behind_code_or_a_link_is_no_part_of_it(tmp_path):
    """`name`.gz and a citation before a bracket once ended the report with an error."""
    kinds = ["code", "emphasis", "strong"]
    pieces = [inline.Piece("IXI014_T1.nii", kind) for kind in kinds]
    lines = "".join(pdf_writer._piece(piece) + ".gz(a)\\[b\\] " for piece in pieces)
    (tmp_path / "main.typ").write_text(lines, encoding="utf-8")
    assert typst.compile(tmp_path / "main.typ")[:4] == b"%PDF"
