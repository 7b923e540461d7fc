"""Figures of README.md, and constants of engines, are those that the benchmarks wrote."""

import re
from pathlib import Path

import pytest

from shared.core import weights
from shared.edges.detector import EdgeDetector
from shared.publishing.results import Result, read_results

ROOT = Path(__file__).parents[1]

#: Title of each Space in the README's table, and the prefix of its weight folders.
SPACES = {
    "Recognition": "recognition",
    "Edges": "edges",
    "Retrieval": "retrieval",
    "Cross-modal search": "crossmodal",
    "Translation": "translation",
    "Restyle": "restyle",
}


def figures(row: str) -> list[float]:
    return [float(value) for value in re.findall(r"0\.\d{3}\b", row)]


def readme_row(title: str) -> str:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| [{title}]"))
    return row


#: Weight folders of a Space with another prefix.
SHARED_WEIGHTS = {"restyle": ["matting-subject"]}


def results(prefix: str) -> list[Result]:
    folders = sorted((ROOT / "weights").glob(f"{prefix}-*"))
    folders += [ROOT / "weights" / name for name in SHARED_WEIGHTS.get(prefix, [])]
    return [result for folder in folders for result in read_results(folder)]


def boundaries(name: str) -> Result:
    """Result of an edge engine in the boundary benchmark on the test photos of BSDS500."""
    (result,) = (
        result
        for result in read_results(ROOT / "weights" / name)
        if (result.benchmark, result.data, result.split) == ("boundaries", "BSDS500", "test")
        and result.engine == name.removeprefix("edges-")
    )
    return result


@pytest.mark.parametrize(("title", "prefix"), SPACES.items())
def test_the_readme_quotes_figures_of_the_benchmarks(title, prefix):
    measured = {
        round(value, 3)
        for result in results(prefix)
        for row in (result.metrics, *result.published.values())
        for value in row.values()
    }
    quoted = figures(readme_row(title))
    assert quoted
    assert [value for value in quoted if value not in measured] == []


def test_the_readme_quotes_the_main_figures():
    """The selected ones, so that a figure of another engine does not pass for them."""
    edges = boundaries("edges-rds")
    metrics = {
        (result.benchmark, result.engine, name): round(value, 3)
        for prefix in SPACES.values()
        for result in results(prefix)
        for name, value in result.metrics.items()
        if "test" in result.split or "part of 805" in result.data or result.benchmark in ("accuracy",)
    }
    assert [round(edges.metrics[name], 3) for name in ("ODS", "OIS", "AP")] == figures(readme_row("Edges"))[
        :3
    ]
    assert metrics["accuracy", "lite", "top1"] in figures(readme_row("Recognition"))
    assert metrics["segmentation", "streets", "mIoU"] in figures(readme_row("Recognition"))
    assert metrics["holidays", "retrieval-descriptor", "mAP"] in figures(readme_row("Retrieval"))
    assert metrics["deepindex", "multiple and signature", "mAP"] in figures(readme_row("Retrieval"))
    for metric in ("i2t_R@1", "t2i_R@1"):
        assert metrics["flickr8k", "ensemble", metric] in figures(readme_row("Cross-modal search"))


@pytest.mark.parametrize("name", ["edges-rds", "edges-hed", "edges-fcfn"])
def test_edge_figures_are_of_the_whole_test_split(name):
    assert boundaries(name).items == 200
    assert str(boundaries(name).command).startswith("python -m shared.edges.benchmark --data")


def test_lines_begin_between_what_two_data_sets_call_an_edge():
    (every_edge,) = (
        result.metrics["threshold"]
        for result in read_results(ROOT / "weights/edges-rds")
        if (result.benchmark, result.data, result.engine) == ("boundaries", "UDED", "rds")
    )
    assert every_edge < EdgeDetector.load("rds").threshold < boundaries("edges-rds").metrics["threshold"]


def test_weights_are_small():
    sizes = {
        path.parent.name: path.stat().st_size for path in (weights.ROOT / "weights").glob("*/*.safetensors")
    }
    assert {name: size for name, size in sizes.items() if size > 15e6} == {}
    assert {name: size for name, size in sizes.items() if name.startswith("edges") and size > 3e6} == {}
