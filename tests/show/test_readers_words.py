"""Names in a report's sentences: in words, or set as code whole."""

import pytest

from brainlib.show.report.readers_words import for_readers


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("IXI012-HH-1211-T1_ds.nii.gz", "`IXI012-HH-1211-T1_ds.nii.gz`"),
        ("left out: t1/sub-01_T1w.nii.gz, empty.", "left out: `t1/sub-01_T1w.nii.gz`, empty."),
        ("see some_unknown_name.", "see `some_unknown_name`."),
        ("`kept_as it` is", "`kept_as it` is"),
        ("[fig:04_vae/loss] shows", "[fig:04_vae/loss] shows"),
        ("a well-known word", "a well-known word"),
        ("residual_unet restores", "residual U-Net restores"),
    ],
)
def test_a_name_without_words_is_code_as_a_whole(text, wanted):
    assert for_readers(text) == wanted
