"""The measured figures in "How it works"."""

import json
import sys

import pytest

from shared.ui.page import measured

REPORT = {
    "benchmark": "boundaries",
    "data": "BSDS500",
    "split": "test",
    "items": 200,
    "metrics": {"rds": {"ODS": 0.78251, "AP": 0.8}},
    "published": {"RDS": {"ODS": 0.7916}},
}


@pytest.fixture
def write_results(tmp_path, monkeypatch):
    """Return a function that writes the results file of a weight folder."""
    monkeypatch.setattr(sys.modules["shared.ui.page"], "WEIGHTS", tmp_path)

    def write(name, *reports):
        (tmp_path / name).mkdir()
        (tmp_path / name / "results.json").write_text(json.dumps({"reports": reports}))

    return write


def test_figures_are_those_of_the_model_card(write_results):
    write_results("one", REPORT)
    assert measured(["one"]).splitlines() == [
        "**Measured: one**",
        "",
        "| measured on | figure | ours | published |",
        "| --- | --- | --- | --- |",
        "| BSDS500, test | ODS | **0.783** | 0.792 (RDS) |",
        "| BSDS500, test | AP | **0.800** |  |",
    ]


def test_each_set_of_weights_has_a_table(write_results):
    write_results("one", REPORT)
    write_results("two", {**REPORT, "metrics": {"hed": {"ODS": 0.7}}})
    assert measured(["one", "two"]).count("**Measured: ") == 2


def test_without_figures_there_is_no_table(write_results):
    write_results("one")
    assert measured(["one", "missing"]) == ""
