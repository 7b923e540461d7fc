"""The document about engines from the Hub is made from their rows, and every repository has a pin."""

import re

import pytest

from shared.catalogue import tables
from shared.catalogue.tables import FILE, TABLES, document, hub_rows
from shared.core.engines import Engine
from shared.core.hub_networks.revisions import pinned, read_revisions
from shared.translation.editing.stable_diffusion import BASE

ROWS = [row for mark in TABLES for row in hub_rows(mark)]


def test_the_document_is_fresh():
    text = FILE.read_text("utf-8")
    assert document(text) == text, "run `python -m shared.catalogue.tables`"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.weights}")
def test_each_row_is_in_the_document(row):
    assert f"| `{row.name}` | [{row.weights}](https://huggingface.co/{row.weights}) |" in FILE.read_text(
        "utf-8"
    )
    assert row.revision == pinned(row.weights)
    assert row.licence
    assert row.parameters
    assert row.download_gb
    assert row.published


def test_pins_are_those_of_the_engines():
    assert set(read_revisions()) == {row.weights for row in ROWS} | {BASE.name}
    for revision in read_revisions().values():
        assert re.fullmatch(r"[0-9a-f]{40}", revision.commit or "0" * 40)
        assert re.fullmatch(r"main|refs/pr/\d+", revision.branch)


def test_memory_is_computed_from_the_parameters(monkeypatch):
    row = Engine(
        "huge",
        "Huge",
        "",
        load=lambda: None,
        weights="a/b",
        from_hub=True,
        revision="refs/pr/1",
        licence="mit",
        parameters=10_000_000_000,
        download_gb=20,
        published="better",
    )
    monkeypatch.setattr(tables, "TABLES", {"x": ({"huge": row},)})
    (line,) = [line for line in document("<!-- x -->\n<!-- /x -->").splitlines() if "huge" in line]
    cells = [cell.strip() for cell in line.split("|")[3:-1]]
    assert cells == [
        "not pinned yet, `refs/pr/1`",
        "mit",
        "10.00 billion",
        "20 GB",
        "41 GB",
        "runs on the CPU",
        "21 GB",
        "better",
    ]
