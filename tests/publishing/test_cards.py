"""Model cards: headline table, `model-index` and result tables follow from the results file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard

from shared.core.front_matter import read_front_matter
from shared.publishing.cards import CardError, update_card, write_reports
from shared.publishing.results import read_results
from shared.publishing.tables import marked
from tests.publishing.test_results import REPORT, ROW, select

CARD = f"""---
license: apache-2.0
library_name: image-spaces
pipeline_tag: image-segmentation
tags:
- edges
metrics:
- ODS
---

# Edges

Before.

{marked("headline", "an old table")}

After.
"""


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "weights" / "edges-rds"
    folder.mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    return folder


def text(folder):
    return (folder / "README.md").read_text()


def tables(folder):
    return folder.parents[1] / "docs" / "results" / "edges-rds.md"


def test_the_model_index_is_hugging_faces(folder):
    write_reports(folder, [REPORT])
    card = ModelCard.load(folder / "README.md")
    assert [(entry.metric_type, entry.metric_value) for entry in card.data.eval_results] == [
        ("ODS", 0.7812),
        ("OIS", 0.8),
    ]
    entry = card.data.eval_results[0]
    assert (entry.task_type, entry.dataset_name, entry.dataset_type, entry.dataset_split) == (
        "image-segmentation",
        "BSDS 500",
        "bsds-500",
        "test",
    )
    assert card.data.model_name == "edges-rds"


def test_the_model_index_holds_the_headline_only(folder):
    write_reports(folder, [REPORT])
    select(folder, ROW)
    update_card(folder)
    entries = ModelCard.load(folder / "README.md").data.eval_results
    assert [entry.metric_type for entry in entries] == ["ODS"]
    assert "OIS" not in text(folder)


def test_figures_of_one_metric_in_two_benchmarks_stay_apart(folder):
    write_reports(folder, [REPORT])
    write_reports(folder, [{**REPORT, "benchmark": "crisp boundaries", "metrics": {"ODS": 0.6}}])
    select(folder, ROW, {**ROW, "benchmark": "crisp boundaries"})
    update_card(folder)
    entries = ModelCard.load(folder / "README.md").data.eval_results
    assert len({entry.unique_identifier for entry in entries}) == 2


def test_the_remaining_front_matter_and_text_stay(folder):
    before = read_front_matter(folder / "README.md")
    write_reports(folder, [REPORT])
    after = read_front_matter(folder / "README.md")
    after.pop("model-index")
    assert list(after.items()) == list(before.items())
    body = text(folder).split("---\n", 2)[2]
    assert body.startswith("\n# Edges\n\nBefore.\n\n<!-- headline -->\n| measured on |")
    assert body.endswith("<!-- /headline -->\n\nAfter.\n")
    assert "an old table" not in body


def test_an_update_without_changes_changes_nothing(folder):
    write_reports(folder, [REPORT])
    card, page = text(folder), tables(folder).read_text()
    write_reports(folder, [REPORT])
    assert (text(folder), tables(folder).read_text()) == (card, page)


def test_a_card_is_created_where_there_is_none(tmp_path):
    write_reports(tmp_path, [REPORT])
    assert f"# {tmp_path.name}\n\n## Results\n\n<!-- headline -->\n" in text(tmp_path)
    assert read_front_matter(tmp_path / "README.md")["model-index"][0]["name"] == tmp_path.name
    assert not (tmp_path.parents[1] / "docs").exists()  # the tables are those of the project's weights


def test_a_benchmark_gets_a_section_among_the_tables(folder):
    write_reports(folder, [REPORT])
    page = tables(folder).read_text()
    assert page.startswith("# Results of edges-rds\n\n## Boundaries\n\n<!-- results: boundaries -->\n")
    assert "| edges-rds | 0.781 | 0.800 | 200 |" in page
    assert "| *Liu and Lew, 2016* | 0.792 |  |  |" in page


def test_text_among_the_tables_stays(folder):
    tables(folder).parent.mkdir(parents=True)
    page = f"# Edges\n\nBefore.\n\n{marked('results: boundaries', 'old')}\n\nAfter.\n"
    tables(folder).write_text(page)
    write_reports(folder, [REPORT])
    assert (
        tables(folder)
        .read_text()
        .startswith("# Edges\n\nBefore.\n\n<!-- results: boundaries -->\n**BSDS 500**")
    )
    assert tables(folder).read_text().endswith("<!-- /results: boundaries -->\n\nAfter.\n")


def test_half_a_pair_of_marks_is_an_error_and_the_card_stays(folder):
    (folder / "README.md").write_text("<!-- headline -->\n")
    with pytest.raises(CardError, match=r"README\.md.*both marks"):
        write_reports(folder, [REPORT])
    assert text(folder) == "<!-- headline -->\n"


def test_broken_front_matter_is_an_error_and_the_card_stays(folder):
    (folder / "README.md").write_text("---\na: [\n---\n")
    with pytest.raises(CardError, match=r"front matter of .*README.md cannot be read"):
        write_reports(folder, [REPORT])
    assert text(folder) == "---\na: [\n---\n"


def run(*arguments):
    command = [sys.executable, "-m", "shared.publishing.cards", *map(str, arguments)]
    return subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)


def test_the_command_stores_reports(folder):
    report = folder.parent / "report.json"
    report.write_text(json.dumps(REPORT))
    process = run(folder, report)
    assert (process.returncode, process.stderr) == (0, "")
    assert "results.json holds 1 results" in process.stdout
    assert read_results(folder)[0].metrics == REPORT["metrics"]


def test_the_command_ends_with_a_sentence(folder):
    process = run(folder, folder / "missing.json")
    assert process.returncode == 1
    assert process.stderr.startswith(f"{folder / 'missing.json'} cannot be read")
    assert text(folder) == CARD
