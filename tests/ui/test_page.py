"""The frame of a page: the measured figures below a tool."""

import sys

import pytest

from shared.publishing import cards
from shared.ui.page import measured

REPORT = {
    "benchmark": "boundaries",
    "data": "BSDS500",
    "split": "test",
    "items": 200,
    "metrics": {"rds": {"ODS": 0.78251, "threshold": 0.5}},
    "published": {"RDS": {"ODS": 0.7916, "AP": 0.8177}},
}
SPEED = {
    **REPORT,
    "benchmark": "speed",
    "metrics": {"rds": {"ms_per_image": 99.3286}, "canny": {"ms_per_image": 1219.746}},
    "published": {},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["shared.ui.page"], "WEIGHTS", tmp_path)
    (tmp_path / "one").mkdir()
    return tmp_path / "one"


def test_figures_look_as_on_the_model_card(folder):
    cards.write_results(folder, REPORT)
    cards.write_results(folder, SPEED)
    assert measured(["one"]).splitlines() == [
        "**Measured**: boundaries on BSDS500, test",
        "",
        "|  | ODS | AP |",
        "| --- | --- | --- |",
        "| **rds, here** | 0.783 |  |",
        "| RDS, published | 0.792 | 0.818 |",
        "",
        "**Measured**: speed on BSDS500, test",
        "",
        "|  | ms per image |",
        "| --- | --- |",
        "| **rds, here** | 99.33 |",
        "| **canny, here** | 1220 |",
    ]


def test_cards_of_one_benchmark_share_a_table(folder):
    (folder.parent / "two").mkdir()
    cards.write_results(folder, REPORT)
    cards.write_results(folder.parent / "two", {**REPORT, "metrics": {"hed": {"ODS": 0.7}}})
    names = [line.split("|")[1].strip() for line in measured(["one", "two"]).splitlines()[4:]]
    assert names == ["**rds, here**", "**hed, here**", "RDS, published"]


def test_a_card_without_figures_shows_nothing(folder):
    assert measured(["one"]) == ""
