"""The benchmark of explanations: hand-made curves and orders, random weights, and its command."""

import json

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn
from torch.nn import functional as F

from shared.core import weights
from shared.networks.cfn import CFN
from shared.recognition.benchmark import main as benchmark
from shared.recognition.benchmarks.explain import (
    area,
    cell_heat,
    center_heat,
    deletion_insertion,
    main,
    order,
    rank_correlation,
    score_curve,
    with_random_weights,
)
from shared.recognition.classifier import Classifier
from shared.recognition.explanation import explain
from tests.predictors import lively

LABELS = {"classes": 5, "labels": list("abcde"), "size": 64}


def quarter(views: torch.Tensor) -> torch.Tensor:
    """A score that looks at a quarter of the picture, the upper left one."""
    return views[:, :, :14, :14].mean((1, 2, 3))


def test_curve_of_a_perfect_and_of_an_inverted_order():
    white, black = torch.ones(3, 28, 28), torch.zeros(3, 28, 28)
    heat = np.zeros((28, 28), np.float32)
    heat[:14, :14] = 1
    perfect = score_curve(quarter, white, black, order(heat, 0))
    np.testing.assert_allclose(perfect, np.maximum(1 - np.arange(21) / 5, 0), atol=0.05)
    inverted = score_curve(quarter, white, black, order(-heat, 0))
    np.testing.assert_allclose(inverted, np.minimum(4 - np.arange(21) / 5, 1), atol=0.05)
    assert area(perfect) == pytest.approx(1 / 8, abs=0.01)
    assert area(inverted) == pytest.approx(7 / 8, abs=0.01)
    chance = score_curve(quarter, white, black, order(np.zeros_like(heat), 0))
    assert area(chance) == pytest.approx(1 / 2, abs=0.05)


def test_curve_goes_from_one_picture_to_the_other():
    start, end = torch.rand(3, 30, 44), torch.rand(3, 30, 44)
    seen = []

    def score(views):
        seen.append(views)
        return views.mean((1, 2, 3))

    curve = score_curve(score, start, end, order(center_heat(4), 0), steps=3)
    (views,) = seen
    assert torch.equal(views[0], start)
    assert torch.equal(views[-1], end)
    assert curve[[0, -1]] == pytest.approx([float(start.mean()), float(end.mean())])
    # a third of sixteen cells is five, and the four in the middle come first
    assert torch.equal(views[1, :, 8:22, 11:33], end[:, 8:22, 11:33])
    assert (views[1] == end).float().mean() == pytest.approx(5 / 16, abs=0.03)


def test_deletion_ends_gray_and_insertion_starts_blurred():
    x, blurred = torch.zeros(3, 28, 28), torch.zeros(3, 28, 28)
    x[:, :14, :14] = 1  # the mean is 1/4
    heat = np.zeros((28, 28), np.float32)
    heat[:14, :14] = 1
    deletion, insertion = deletion_insertion(quarter, x, blurred, order(heat, 0))
    assert deletion == pytest.approx(1 / 4 + 3 / 4 / 8, abs=0.01)
    assert insertion == pytest.approx(7 / 8, abs=0.01)
    worse, less = deletion_insertion(quarter, x, blurred, order(-heat, 0))
    assert worse > deletion
    assert less < insertion


def test_order_breaks_ties_at_random():
    heat = np.array([[0, 0, 1], [0, 0, 0.5], [0, 0, 0]], np.float32)
    one, same, other = order(heat, 1), order(heat, 1), order(heat, 2)
    assert one.tolist() == same.tolist() != other.tolist()
    assert one[:2].tolist() == other[:2].tolist() == [2, 5]
    assert sorted(one.tolist()) == list(range(9))


def test_cells_and_center():
    heat = np.zeros((224, 224), np.float32)
    heat[8:16, 16:24] = 1
    cells = cell_heat(heat)
    assert cells.shape == (28, 28)
    assert np.argwhere(cells == 1).tolist() == [[1, 2]]
    assert cells.sum() == 1
    middle = center_heat()
    assert (middle[13:15, 13:15] == middle.max()).all()
    assert middle[0, 0] == middle.min()


def test_rank_correlation():
    one = np.arange(9.0).reshape(3, 3)
    assert rank_correlation(one, one**3) == pytest.approx(1)
    assert rank_correlation(one, -one) == pytest.approx(-1)
    assert rank_correlation(np.array([1, 2, 3, 4]), np.array([2, 1, 4, 3])) == pytest.approx(0.6)
    assert rank_correlation(one, np.zeros((3, 3))) == 0


@pytest.fixture(scope="module")
def fresh() -> Classifier:
    return Classifier("cfn", lively(CFN(classes=5)).eval(), LABELS)


@pytest.mark.parametrize("base", [False, True])
def test_random_weights_are_shuffled(fresh, base):
    before = {name: values.clone() for name, values in fresh.network.named_parameters()}
    random = with_random_weights(fresh, base=base)
    assert random.labels == fresh.labels
    for name, values in random.network.named_parameters():
        assert torch.equal(dict(fresh.network.named_parameters())[name], before[name])
        assert torch.equal(values.flatten().sort().values, before[name].flatten().sort().values)
        if name.startswith("base.") and not base:
            assert torch.equal(values, before[name])
    head = random.network.head.weight
    assert not torch.equal(head, before["head.weight"])
    assert torch.equal(head, with_random_weights(fresh, base=base).network.head.weight)


class Colors(nn.Module):
    """In place of MobileNetV2: red, green and blue of cells of 2 to 32 pixels, -1..1, in turn."""

    widths = (16, 24, 32, 96, 320)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        cells = [F.avg_pool2d(x, 2 ** (level + 1)) for level in range(5)]
        return [one[:, torch.arange(width) % 3] for one, width in zip(cells, self.widths, strict=True)]


class TinyCFN(CFN):
    """Few features, to be quick."""

    FEATURE_CHANNELS = 12


def test_random_weights_lose_the_heat():
    network = TinyCFN(classes=2)
    network.base = Colors()
    color = torch.arange(12) % 3
    with torch.no_grad():
        for layer in (network.head, *network.sides):
            sees = color[:, None] == torch.arange(layer.in_channels) % 3
            layer.weight.copy_((3 * sees / layer.in_channels)[..., None, None])
            layer.bias.zero_()
        network.classifier.weight.copy_(torch.where(color == 0, 1.0, -1.0).expand(2, 12))
    classifier = Classifier("cfn", network.eval(), {"labels": ["red", "also red"], "size": 224})
    picture = Image.new("RGB", (224, 224))
    for box, paint in (
        ((32, 32, 96, 128), "red"),
        ((128, 64, 192, 128), "lime"),
        ((64, 160, 160, 192), "blue"),
    ):
        picture.paste(paint, box)
    heat = cell_heat(explain(classifier, picture, 0).heat)
    assert heat[5:15, 5:11].min() > 0.5 * heat.max()
    assert rank_correlation(heat, cell_heat(explain(classifier, picture, 0).heat)) == pytest.approx(1)
    correlations = []
    for seed in range(20):
        random = with_random_weights(classifier, base=False, seed=seed)
        correlations.append(rank_correlation(heat, cell_heat(explain(random, picture, 0).heat)))
    assert abs(np.mean(correlations)) < 0.3


def test_command(fresh, tmp_path, capsys):
    folder = weights.save(fresh.network, tmp_path / "fresh", config=LABELS)
    for name in ("a", "b"):
        picture = Image.effect_noise((90, 70), 80).convert("RGB")
        (tmp_path / "photos").mkdir(exist_ok=True)
        picture.save(tmp_path / "photos" / f"{name}.png")
    path = tmp_path / "report.json"
    arguments = ["--data", str(tmp_path / "photos"), "--weights", str(folder), "--limit", "1"]
    benchmark(["explain", *arguments, "--json", str(path)])
    report = json.loads(path.read_text())
    assert (report["benchmark"], report["data"], report["weights"]) == ("explanations", "photos", "fresh")
    assert (report["items"], report["available"]) == (1, 2)
    assert "shared.recognition.benchmark explain" in report["command"]
    assert report["command"].endswith("--data photos --weights fresh --limit 1")
    metrics = report["metrics"]
    assert list(metrics) == ["cfn grad-cam", "cfn occlusion", "cfn center", "cfn random"]
    for name, row in metrics.items():
        assert 0 <= row["deletion_AUC"] <= 1
        assert 0 <= row["insertion_AUC"] <= 1
        correlations = {key: row[key] for key in row if key.endswith("_correlation")}
        assert len(correlations) == (3 if name in ("cfn grad-cam", "cfn occlusion") else 0)
        assert all(-1 <= value <= 1 for value in correlations.values())
    assert "the first 1 of 2 items" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "nowhere does not exist"),
        (["--data", ".", "--engine", "cfn", "plain", "--weights", "w"], "exactly one --engine"),
        (["--data", ".", "--engine", "canny"], "invalid choice: 'canny'"),
    ],
)
def test_mistakes_are_explained(arguments, message, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert message in capsys.readouterr().err
