"""Model cards: a benchmark's figures go in and come out the same, in Hugging Face's own form."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard, metadata_load

from shared.publishing.cards import BEGIN, END, CardError, results, write_results

CARD = f"""---
license: apache-2.0
library_name: image-spaces
pipeline_tag: image-segmentation
tags:
- edges
datasets:
- bsds500
metrics:
- ODS
---

# Edges

Before.

{BEGIN}
an old table
{END}

After.
"""

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


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "edges-rds"
    folder.mkdir()
    (folder / "README.md").write_text(CARD)
    return folder


def text(folder):
    return (folder / "README.md").read_text()


def table(folder):
    """The rows between the marks, without the line under the head."""
    between = text(folder).split(BEGIN)[1].split(END)[0]
    rows = [line.strip("|").split("|") for line in between.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if row[0] != " --- "]


def test_a_report_comes_back_the_same(folder):
    write_results(folder, REPORT)
    (result,) = results(folder)
    for key in ("benchmark", "data", "split", "items", "metrics", "published", "seconds", "command"):
        assert getattr(result, key) == REPORT[key]
    assert result.engine == "edges-rds"
    assert result.images_per_second == 16.0


def test_the_front_matter_is_hugging_faces(folder):
    write_results(folder, REPORT)
    card = ModelCard.load(folder / "README.md")
    assert [(entry.metric_type, entry.metric_value) for entry in card.data.eval_results] == [
        ("ODS", 0.7812),
        ("OIS", 0.8),
    ]
    entry = card.data.eval_results[0]
    assert (entry.task_type, entry.dataset_name, entry.dataset_type) == (
        "image-segmentation",
        "BSDS 500",
        "bsds-500",
    )
    assert entry.dataset_split == "test"
    assert card.data.model_name == "edges-rds"


def test_the_rest_of_the_card_stays(folder):
    before = metadata_load(folder / "README.md")
    write_results(folder, REPORT)
    after = metadata_load(folder / "README.md")
    after.pop("model-index")
    assert after == before
    assert list(after) == list(before)
    assert text(folder).split("---\n", 2)[2].startswith("\n# Edges\n\nBefore.\n")
    assert text(folder).endswith(f"{END}\n\nAfter.\n")
    assert "an old table" not in text(folder)


def test_the_table_shows_ours_the_published_and_the_command(folder):
    write_results(folder, REPORT)
    assert table(folder) == [
        ["engine", "ODS", "OIS", "items"],
        ["edges-rds", "0.781", "0.800", "200"],
        ["*Liu and Lew, 2016*", "0.792", "", ""],
    ]
    assert "**boundaries** on BSDS 500, test" in text(folder)
    assert "```\npython -m shared.edges.benchmark --data DIR\n```" in text(folder)


def test_writing_again_replaces(folder):
    write_results(folder, REPORT)
    write_results(folder, {**REPORT, "benchmark": "speed", "metrics": {"ms": 20.25}})
    write_results(folder, {**REPORT, "metrics": {"ODS": 0.79}, "items": 100})
    first, second = results(folder)
    assert (first.benchmark, first.metrics, first.items) == ("boundaries", {"ODS": 0.79}, 100)
    assert (second.benchmark, second.metrics) == ("speed", {"ms": 20.25})
    assert "0.800" not in text(folder)
    once = text(folder)
    write_results(folder, {**REPORT, "metrics": {"ODS": 0.79}, "items": 100})
    assert text(folder) == once


@pytest.mark.parametrize(
    "change", [{"benchmark": "other"}, {"data": "NYUD"}, {"split": "val"}, {"weights": "hed"}]
)
def test_two_reports_live_side_by_side(folder, change):
    write_results(folder, REPORT)
    write_results(folder, {**REPORT, **change, "metrics": {"ODS": 0.5}})
    assert [result.metrics["ODS"] for result in results(folder)] == [0.7812, 0.5]


def test_several_engines_in_one_report(folder):
    engines = {"rds": {"ODS": 0.78}, "canny": {"ODS": 0.6, "AP": 0.55}}
    write_results(folder, {**REPORT, "metrics": engines})
    assert {result.engine: result.metrics for result in results(folder)} == engines
    assert {result.seconds for result in results(folder)} == {None}  # the clock ran for both
    assert [row[0] for row in table(folder)] == ["engine", "rds", "canny", "*Liu and Lew, 2016*"]
    write_results(folder, {**REPORT, "metrics": {"canny": {"ODS": 0.61}, "hed": {"ODS": 0.7}}})
    assert {result.engine: result.metrics["ODS"] for result in results(folder)} == {
        "rds": 0.78,
        "canny": 0.61,
        "hed": 0.7,
    }


def test_published_figures_without_a_source(folder):
    write_results(folder, {**REPORT, "published": {"ODS": 0.792}})
    assert results(folder)[0].published == {"published": {"ODS": 0.792}}


def test_a_report_of_the_least(folder):
    least = {key: REPORT[key] for key in ("benchmark", "data", "split", "items", "metrics")}
    write_results(folder, least)
    (result,) = results(folder)
    assert (result.engine, result.published, result.command) == ("edges-rds", {}, None)
    assert "```" not in text(folder)


def test_entries_of_others_stay_and_are_not_ours(folder):
    index = (
        "model-index:\n- name: My model\n  results:\n  - task: {type: image-segmentation}\n"
        "    dataset: {name: Other, type: other}\n    metrics: [{type: accuracy, value: 0.9}]\n"
    )
    (folder / "README.md").write_text(CARD.replace("metrics:\n- ODS\n", index))
    assert results(folder) == []
    write_results(folder, REPORT)
    card = ModelCard.load(folder / "README.md")
    assert card.data.model_name == "My model"
    assert [entry.metric_type for entry in card.data.eval_results] == ["accuracy", "ODS", "OIS"]
    assert len(results(folder)) == 1


def test_a_card_is_made_where_there_is_none(tmp_path):
    assert results(tmp_path) == []
    write_results(tmp_path, REPORT)
    assert len(results(tmp_path)) == 1
    assert f"# {tmp_path.name}\n" in text(tmp_path)
    assert table(tmp_path)[1][:2] == ["edges-rds", "0.781"]


def test_a_card_without_marks_gets_a_section(folder):
    (folder / "README.md").write_text("# Plain\n")
    write_results(folder, REPORT)
    assert f"# Plain\n\n## Measured\n\n{BEGIN}\n" in text(folder)


@pytest.mark.parametrize("body", [f"{BEGIN}\n", f"{END}\n{BEGIN}\n"])
def test_a_card_with_half_the_marks_is_left_alone(folder, body):
    (folder / "README.md").write_text(body)
    with pytest.raises(CardError, match="both marks"):
        write_results(folder, REPORT)
    assert text(folder) == body


def test_a_front_matter_that_is_no_yaml(folder):
    (folder / "README.md").write_text("---\na: [\n---\n")
    for call in (lambda: results(folder), lambda: write_results(folder, REPORT)):
        with pytest.raises(CardError, match=r"front matter of .*README.md cannot be read"):
            call()


def test_a_report_that_lacks_fields(folder):
    with pytest.raises(CardError, match="the report lacks split, metrics"):
        write_results(folder, {"benchmark": "b", "data": "d", "items": 1})
    with pytest.raises(CardError, match=r"nowhere.json cannot be read"):
        write_results(folder, folder / "nowhere.json")
    assert text(folder) == CARD


def test_the_command(folder):
    report = folder.parent / "report.json"
    report.write_text(json.dumps(REPORT))
    command = [sys.executable, "-m", "shared.publishing.cards", str(folder), str(report)]
    root = Path(__file__).parents[2]
    run = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    assert "README.md holds 1 results" in run.stdout
    assert results(folder)[0].metrics == REPORT["metrics"]
