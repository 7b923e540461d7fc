"""Results file: a report is read back as it was, and replaces older figures of the same engine."""

import json

import pytest

from shared.publishing.results import (
    MAX_FIGURES,
    Headline,
    ResultsError,
    add_report,
    find_figures,
    read_headline,
    read_results,
)

REPORT = {
    "benchmark": "boundaries",
    "data": "BSDS 500",
    "split": "test",
    "items": 200,
    "weights": "edges-rds",
    "metrics": {"ODS": 0.7812, "OIS": 0.8},
    "published": {"Liu and Lew, 2016": {"ODS": 0.792}},
    "seconds": 12.5,
    "images_per_second": 16.0,
    "command": "python -m shared.edges.benchmark --data DIR",
}
ROW = {
    "title": "BSDS, test",
    "benchmark": "boundaries",
    "data": "BSDS 500",
    "split": "test",
    "engine": "edges-rds",
    "metrics": ["ODS"],
}


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "edges-rds"
    folder.mkdir()
    return folder


def content(folder):
    return json.loads((folder / "results.json").read_text())


def select(folder, *rows):
    path = folder / "results.json"
    path.write_text(json.dumps({**content(folder), "headline": rows}))


def test_a_report_is_stored_as_it_was_written(folder):
    add_report(folder, REPORT)
    assert content(folder) == {"reports": [REPORT]}


def test_a_report_is_read_back(folder):
    add_report(folder, REPORT)
    (result,) = read_results(folder)
    for key in ("benchmark", "data", "split", "items", "metrics", "published", "seconds", "command"):
        assert getattr(result, key) == REPORT[key]
    assert result.engine == "edges-rds"
    assert result.images_per_second == 16.0


def test_a_report_may_be_a_file(folder):
    (folder / "report.json").write_text(json.dumps(REPORT))
    add_report(folder, folder / "report.json")
    assert len(read_results(folder)) == 1


def test_a_folder_without_results_has_none(folder):
    assert read_results(folder) == []
    assert read_headline(folder) == []


def test_a_second_report_replaces_the_figures_in_their_place(folder):
    add_report(folder, REPORT)
    add_report(folder, {**REPORT, "benchmark": "speed", "metrics": {"ms": 20.25}})
    add_report(folder, {**REPORT, "metrics": {"ODS": 0.79}, "items": 100})
    first, second = read_results(folder)
    assert (first.benchmark, first.metrics, first.items) == ("boundaries", {"ODS": 0.79}, 100)
    assert (second.benchmark, second.metrics) == ("speed", {"ms": 20.25})


@pytest.mark.parametrize(
    "change", [{"benchmark": "other"}, {"data": "NYUD"}, {"split": "val"}, {"weights": "hed"}]
)
def test_reports_of_other_protocols_or_engines_are_all_stored(folder, change):
    add_report(folder, REPORT)
    add_report(folder, {**REPORT, **change, "metrics": {"ODS": 0.5}})
    assert [result.metrics["ODS"] for result in read_results(folder)] == [0.7812, 0.5]


def test_engines_of_one_report_are_replaced_one_by_one(folder):
    engines = {"rds": {"ODS": 0.78}, "canny": {"ODS": 0.6, "AP": 0.55}}
    add_report(folder, {**REPORT, "metrics": engines})
    assert {result.engine: result.metrics for result in read_results(folder)} == engines
    assert {result.seconds for result in read_results(folder)} == {None}  # the clock ran for both
    add_report(folder, {**REPORT, "metrics": {"canny": {"ODS": 0.61}, "hed": {"ODS": 0.7}}})
    results = {result.engine: result for result in read_results(folder)}
    assert {engine: result.metrics["ODS"] for engine, result in results.items()} == {
        "rds": 0.78,
        "canny": 0.61,
        "hed": 0.7,
    }
    assert results["rds"].seconds is None


def test_published_figures_may_have_no_source(folder):
    add_report(folder, {**REPORT, "published": {"ODS": 0.792}})
    assert read_results(folder)[0].published == {"published": {"ODS": 0.792}}


def test_a_report_needs_five_fields_only(folder):
    add_report(folder, {key: REPORT[key] for key in ("benchmark", "data", "split", "items", "metrics")})
    (result,) = read_results(folder)
    assert (result.engine, result.published, result.command) == ("edges-rds", {}, None)


def test_a_report_that_lacks_fields_is_an_error(folder):
    with pytest.raises(ResultsError, match="the report lacks split, metrics"):
        add_report(folder, {"benchmark": "b", "data": "d", "items": 1})
    with pytest.raises(ResultsError, match=r"nowhere.json cannot be read"):
        add_report(folder, folder / "nowhere.json")
    (folder / "list.json").write_text("[]")
    with pytest.raises(ResultsError, match=r"list.json lacks benchmark"):
        add_report(folder, folder / "list.json")
    assert not (folder / "results.json").exists()


@pytest.mark.parametrize("text", ["{", "[]", '{"headline": []}'])
def test_a_broken_results_file_is_an_error(folder, text):
    (folder / "results.json").write_text(text)
    with pytest.raises(ResultsError, match=r"results\.json"):
        read_results(folder)


def test_the_headline_is_the_first_engine_by_default(folder):
    add_report(folder, {**REPORT, "metrics": {f"m{i}": 0.5 for i in range(20)}})
    (row,) = read_headline(folder)
    assert (row.title, row.engine, row.published) == ("BSDS 500, test", "edges-rds", "Liu and Lew, 2016")
    assert row.metrics == tuple(f"m{i}" for i in range(MAX_FIGURES))


def test_a_selected_headline_is_read(folder):
    add_report(folder, REPORT)
    select(folder, {**ROW, "published": "Liu and Lew, 2016"})
    assert read_headline(folder) == [
        Headline(**{**ROW, "metrics": ("ODS",)}, published="Liu and Lew, 2016", peer=None)
    ]


def test_a_new_report_leaves_the_headline(folder):
    add_report(folder, REPORT)
    select(folder, ROW)
    add_report(folder, {**REPORT, "metrics": {"ODS": 0.8}})
    assert content(folder)["headline"] == [ROW]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ["AP"]}, "has no AP of edges-rds in BSDS, test"),
        ({"engine": "hed"}, "has no ODS of hed"),
        ({"peer": "PiDiNet"}, "has no PiDiNet"),
        ({"metrics": ["ODS"] * 13}, "selects 13 figures: select 12 at most"),
        ({"titel": "x"}, "keys title, benchmark"),
    ],
)
def test_a_wrong_headline_is_an_error(folder, change, message):
    add_report(folder, REPORT)
    select(folder, {**ROW, **change})
    with pytest.raises(ResultsError, match=message):
        read_headline(folder)


def test_figures_are_found_by_engine_or_by_source(folder):
    add_report(folder, {**REPORT, "metrics": {"rds": {"ODS": 0.78}, "canny": {"ODS": 0.6}}})
    row, results = Headline(**{**ROW, "metrics": ("ODS",)}), read_results(folder)
    assert find_figures(results, row, "canny") == {"ODS": 0.6}
    assert find_figures(results, row, "Liu and Lew, 2016") == {"ODS": 0.792}
    assert find_figures(results, row, "hed") == {}
