"""What README.md and the model cards say about figures is what the benchmarks wrote."""

import re
from pathlib import Path

import pytest

from shared.core import weights
from shared.edges.detector import EdgeDetector
from shared.networks.cfn import CFN
from shared.networks.fcfn import FCFN, FCFNEdges
from shared.networks.rds import RDS
from shared.publishing import cards

ROOT = Path(__file__).parents[1]


def boundaries(name):
    """Figures of the boundary benchmark on BSDS500's test images, from the model card."""
    found = [
        result
        for result in cards.results(ROOT / "weights" / name)
        if (result.benchmark, result.data, result.split) == ("boundaries", "BSDS500", "test")
        and result.engine == name.removeprefix("edges-")
    ]
    assert len(found) == 1
    return found[0]


def test_readme_quotes_the_model_card():
    row = next(line for line in (ROOT / "README.md").read_text().splitlines() if line.startswith("| [Edges]"))
    quoted = {name: float(value) for name, value in re.findall(r"(ODS|OIS|AP) (0\.\d+)", row)}
    measured = boundaries("edges-rds").metrics
    assert quoted.keys() == {"ODS", "OIS", "AP"}
    for name, value in quoted.items():
        assert value == round(measured[name], 3), name


def test_readme_quotes_the_cards_of_recognition():
    lines = (ROOT / "README.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| [Recognition]"))
    quoted = [float(value) for value in re.findall(r"0\.\d+", row)]
    agreement, accuracy = (
        next(one.metrics for one in cards.results(ROOT / "weights/recognition-cfn") if start in one.benchmark)
        for start in ("agreement", "accuracy")
    )
    found = {one.engine: one.metrics for one in cards.results(ROOT / "weights/recognition-fcfn")}
    measured = [agreement["clean"], accuracy["top1"], found["fcfn"]["mIoU"], found["teacher"]["mIoU"]]
    streets = next(
        one for one in cards.results(ROOT / "weights/recognition-fcfn-streets") if one.split == "test"
    )
    measured += [streets.metrics["mIoU"], streets.published["SegNet"]["mIoU"]]
    assert quoted == [round(value, 3) for value in measured]


def test_readme_quotes_the_cards_of_retrieval():
    lines = (ROOT / "README.md").read_text().splitlines()
    row = next(line for line in lines if line.startswith("| [Retrieval]"))
    quoted = [float(value) for value in re.findall(r"0\.\d+", row)]
    found = {
        (one.benchmark, one.engine): one.metrics["mAP"]
        for name in ("retrieval-descriptor", "retrieval-words")
        for one in cards.results(ROOT / "weights" / name)
        if "mAP" in one.metrics and "Holidays" in one.data
    }
    descriptor, index = "retrieval-descriptor", "multiple and signature"
    measured = [("holidays", descriptor), ("holidays", f"{descriptor}, query turned")]
    measured += [("deepindex", index), ("deepindex", f"{index}, query turned")]
    assert quoted == [round(found[key], 3) for key in measured]


@pytest.mark.parametrize(
    ("name", "network"),
    [
        ("recognition-cfn", CFN),
        ("recognition-plain", CFN),
        ("recognition-fcfn", FCFN),
        ("recognition-fcfn-streets", FCFN),
    ],
)
def test_cards_of_recognition_tell_the_size(name, network):
    file = ROOT / "weights" / name / "model.safetensors"
    assert file.stat().st_size <= 15e6
    count = sum(parameter.numel() for parameter in weights.load(network, name).parameters())
    assert f"{count:,} parameters" in (file.parent / "README.md").read_text()


@pytest.mark.parametrize("name", ["edges-rds", "edges-hed", "edges-fcfn"])
def test_figures_are_of_the_whole_test_split(name):
    result = boundaries(name)
    assert result.items == 200
    assert result.command.startswith("python -m shared.edges.benchmark --data")


@pytest.mark.parametrize(
    ("engine", "name"), [("rds", "edges-rds"), ("hed", "edges-hed"), ("fcfn", "edges-fcfn")]
)
def test_an_engine_draws_lines_at_the_threshold_of_its_benchmark(engine, name):
    assert EdgeDetector.load(engine).threshold == round(boundaries(name).metrics["threshold"], 3)


@pytest.mark.parametrize(
    ("name", "network_class"), [("edges-rds", RDS), ("edges-hed", RDS), ("edges-fcfn", FCFNEdges)]
)
def test_weights_are_small(name, network_class):
    file = ROOT / "weights" / name / "model.safetensors"
    assert file.stat().st_size <= 3e6
    network = weights.load(network_class, name)
    count = sum(parameter.numel() for parameter in network.parameters())
    assert count <= 1_500_000
    card = (file.parent / "README.md").read_text()
    assert f"{count:,} parameters" in card
