"""Markdown tables of results, and the marks between which they stand."""

import pytest

from shared.publishing.results import Headline, Result
from shared.publishing.tables import MarkError, benchmark_tables, fill, headline_table, marked

PUBLISHED = {"RDS": {"ODS": 0.792}, "A|B": {"ODS": 0.8, "AP": 0.9}}


def result(engine="rds", split="test", **metrics):
    return Result("boundaries", "BSDS500", split, engine, 200, metrics, PUBLISHED, command="python -m x")


def row(**changes):
    values = {"title": "BSDS", "benchmark": "boundaries", "data": "BSDS500", "split": "test", "engine": "rds"}
    return Headline(**{**values, "metrics": ("ODS",), **changes})


def test_the_headline_shows_ours_the_published_figure_and_the_best_peer():
    headline = [row(published="RDS", peer="canny"), row(metrics=("ms_per_image",))]
    results = [result(ODS=0.80572, ms_per_image=67.69), result("canny", ODS=0.6)]
    assert headline_table(results, headline).splitlines() == [
        "| measured on | figure | ours | published | best peer |",
        "| --- | --- | --- | --- | --- |",
        "| BSDS | ODS | **0.806** | 0.792 (RDS) | 0.600 (canny) |",
        "| BSDS | ms per image | **67.69** |  |  |",
    ]


def test_the_headline_leaves_out_columns_without_figures():
    assert headline_table([result(ODS=0.8)], [row()]).splitlines()[0] == "| measured on | figure | ours |"
    assert headline_table([], []).splitlines()[0] == "| ours |"


def test_the_table_of_a_benchmark_shows_ours_the_published_and_the_command():
    (table,) = benchmark_tables([result(ODS=0.78, AP=0.5), result("hed", ODS=0.7)]).values()
    assert table.splitlines() == [
        "**BSDS500**, test",
        "",
        "| engine | ODS | AP | items |",
        "| --- | --- | --- | --- |",
        "| rds | 0.780 | 0.500 | 200 |",
        "| hed | 0.700 |  | 200 |",
        "| *RDS* | 0.792 |  |  |",
        "| *A\\|B* | 0.800 | 0.900 |  |",
        "",
        "```bash",
        "python -m x",
        "```",
    ]


def test_each_data_set_and_split_has_a_table_of_its_own():
    (tables,) = benchmark_tables([result(ODS=0.78), result(split="val", ODS=0.7)]).values()
    assert [line for line in tables.splitlines() if line.startswith("**")] == [
        "**BSDS500**, test",
        "**BSDS500**, val",
    ]


def test_marked_text_is_replaced():
    text = f"Before.\n\n{marked('x', 'old')}\n\nAfter."
    assert fill(text, "x", "new") == f"Before.\n\n{marked('x', 'new')}\n\nAfter."
    assert fill("no marks", "x", "new") is None


@pytest.mark.parametrize("text", ["<!-- x -->", "<!-- /x --><!-- x -->"])
def test_half_a_pair_of_marks_is_an_error(text):
    with pytest.raises(MarkError, match="both marks"):
        fill(text, "x", "new")
