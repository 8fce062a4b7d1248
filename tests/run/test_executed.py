"""What is left of an executed notebook."""

import json

from brainlib.run import executed, provenance


def test_the_parameters_that_papermill_adds_are_collapsed(tmp_path):
    cells = []
    for tags in (["parameters"], ["injected-parameters"], []):
        cells.append(
            {"cell_type": "code", "source": "a = 1", "outputs": [], "metadata": {"tags": tags}}
        )
    partial = tmp_path / ".a.ipynb"
    partial.write_text("")
    executed.leave({"cells": cells, "metadata": {}}, partial, tmp_path / "a.ipynb")
    left = json.loads((tmp_path / "a.ipynb").read_text())["cells"]
    hidden = [cell["metadata"].get("jupyter", {}).get("source_hidden", False) for cell in left]
    assert hidden == [False, True, False] and not partial.exists()


def test_an_answer_to_an_exercise_makes_no_result_stale(tmp_path):
    def digest(answer, tags=("exercise",)):
        cells = [
            {"cell_type": "code", "source": "a = 1", "metadata": {}},
            {"cell_type": "code", "source": answer, "metadata": {"tags": list(tags)}},
        ]
        made = {"data_fingerprint": {}, "inputs": {}, "threads": 1, "folder": tmp_path}
        return provenance.made_from(cells, {}, **made)["cells"]

    assert digest("answer = None") == digest("answer = 5")
    assert digest("answer = None", tags=[]) != digest("answer = 5", tags=[])
