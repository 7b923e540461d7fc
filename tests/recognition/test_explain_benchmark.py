"""The benchmark of explanations: curves and orders made by hand, random weights, and its command."""

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
    area_under_curve,
    cell_order,
    center_prior,
    deletion_insertion,
    main,
    pool_cells,
    rank_correlation,
    score_curve,
    shuffle_weights,
)
from shared.recognition.cfn_backend import CFNBackend
from shared.recognition.classifier import Classifier
from shared.recognition.explanation import explain
from tests.predictors import with_random_weights

LABELS = list("abcde")


def corner_brightness(views: torch.Tensor) -> torch.Tensor:
    """Score a batch by the upper left quarter of 28 x 28 pixels."""
    return views[:, :, :14, :14].mean((1, 2, 3))


def corner_heat() -> np.ndarray:
    heat = np.zeros((28, 28), np.float32)
    heat[:14, :14] = 1
    return heat


def test_curves_of_a_perfect_a_reversed_and_a_random_order():
    white, black, heat = torch.ones(3, 28, 28), torch.zeros(3, 28, 28), corner_heat()
    perfect = score_curve(corner_brightness, white, black, cell_order(heat, 0))
    np.testing.assert_allclose(perfect, np.maximum(1 - np.arange(21) / 5, 0), atol=0.05)
    reversed_curve = score_curve(corner_brightness, white, black, cell_order(-heat, 0))
    np.testing.assert_allclose(reversed_curve, np.minimum(4 - np.arange(21) / 5, 1), atol=0.05)
    assert area_under_curve(perfect) == pytest.approx(1 / 8, abs=0.01)
    assert area_under_curve(reversed_curve) == pytest.approx(7 / 8, abs=0.01)
    random = score_curve(corner_brightness, white, black, cell_order(np.zeros_like(heat), 0))
    assert area_under_curve(random) == pytest.approx(1 / 2, abs=0.05)


def test_curve_leads_from_one_image_to_the_other():
    start, end = torch.rand(3, 30, 44), torch.rand(3, 30, 44)
    batches = []

    def score(views):
        batches.append(views)
        return views.mean((1, 2, 3))

    curve = score_curve(score, start, end, cell_order(center_prior(4), 0), steps=3)
    (views,) = batches
    assert torch.equal(views[0], start)
    assert torch.equal(views[-1], end)
    assert curve[[0, -1]] == pytest.approx([float(start.mean()), float(end.mean())])
    # a third of sixteen cells is five, and the four in the center come first
    assert torch.equal(views[1, :, 8:22, 11:33], end[:, 8:22, 11:33])
    assert (views[1] == end).float().mean() == pytest.approx(5 / 16, abs=0.03)


def test_deletion_ends_with_the_mean_color_and_insertion_starts_with_the_blur():
    image, blurred, heat = torch.zeros(3, 28, 28), torch.zeros(3, 28, 28), corner_heat()
    image[:, :14, :14] = 1  # the mean is 1/4
    deletion, insertion = deletion_insertion(corner_brightness, image, blurred, cell_order(heat, 0))
    assert deletion == pytest.approx(1 / 4 + 3 / 4 / 8, abs=0.01)
    assert insertion == pytest.approx(7 / 8, abs=0.01)
    worse = deletion_insertion(corner_brightness, image, blurred, cell_order(-heat, 0))
    assert worse[0] > deletion
    assert worse[1] < insertion


def test_ties_are_broken_at_random():
    heat = np.array([[0, 0, 1], [0, 0, 0.5], [0, 0, 0]], np.float32)
    first, repeated, different = cell_order(heat, 1), cell_order(heat, 1), cell_order(heat, 2)
    assert first.tolist() == repeated.tolist() != different.tolist()
    assert first[:2].tolist() == different[:2].tolist() == [2, 5]
    assert sorted(first.tolist()) == list(range(9))


def test_cells_and_center():
    heatmap = np.zeros((224, 224), np.float32)
    heatmap[8:16, 16:24] = 1
    cells = pool_cells(heatmap)
    assert cells.shape == (28, 28)
    assert np.argwhere(cells == 1).tolist() == [[1, 2]]
    assert cells.sum() == 1
    center = center_prior()
    assert (center[13:15, 13:15] == center.max()).all()
    assert center[0, 0] == center.min()


def test_rank_correlation():
    values = np.arange(9.0).reshape(3, 3)
    assert rank_correlation(values, values**3) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)
    assert rank_correlation(np.array([1, 2, 3, 4]), np.array([2, 1, 4, 3])) == pytest.approx(0.6)
    assert rank_correlation(values, np.ones((3, 3))) == 0


@pytest.fixture(scope="module")
def untrained() -> CFNBackend:
    return CFNBackend(with_random_weights(CFN(classes=5)).eval(), labels=LABELS, size=64)


@pytest.mark.parametrize("backbone", [False, True])
def test_weights_are_shuffled_in_a_copy(untrained, backbone):
    before = {name: values.clone() for name, values in untrained.network.named_parameters()}
    shuffled = shuffle_weights(untrained, backbone=backbone)
    assert shuffled.labels == untrained.labels
    for name, values in shuffled.network.named_parameters():
        assert torch.equal(dict(untrained.network.named_parameters())[name], before[name])
        assert torch.equal(values.flatten().sort().values, before[name].flatten().sort().values)
        if name.startswith("base.") and not backbone:
            assert torch.equal(values, before[name])
    head = shuffled.network.head.weight
    assert not torch.equal(head, before["head.weight"])
    assert torch.equal(head, shuffle_weights(untrained, backbone=backbone).network.head.weight)


class ColorBackbone(nn.Module):
    """Backbone whose channels are red, green and blue, -1..1, of cells of 2 to 32 pixels."""

    widths = (16, 24, 32, 96, 320)

    def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
        levels = [F.avg_pool2d(x, 2 ** (level + 1)) for level in range(5)]
        return [level[:, torch.arange(width) % 3] for level, width in zip(levels, self.widths, strict=True)]


class TinyCFN(CFN):
    """CFN with few features, which is quick."""

    FEATURE_CHANNELS = 12


def test_random_weights_lose_the_heat():
    network = TinyCFN(classes=2)
    network.base = ColorBackbone()
    color = torch.arange(12) % 3
    with torch.no_grad():
        for layer in (network.head, *network.sides):
            same_color = color[:, None] == torch.arange(layer.in_channels) % 3
            layer.weight.copy_((3 * same_color / layer.in_channels)[..., None, None])
            layer.bias.zero_()
        network.classifier.weight.copy_(torch.where(color == 0, 1.0, -1.0).expand(2, 12))
    backend = CFNBackend(network.eval(), labels=["red", "also red"])
    image = Image.new("RGB", (224, 224))
    for box, paint in (
        ((32, 32, 96, 128), "red"),
        ((128, 64, 192, 128), "lime"),
        ((64, 160, 160, 192), "blue"),
    ):
        image.paste(paint, box)

    def heat(backend: CFNBackend) -> np.ndarray:
        return pool_cells(explain(Classifier("cfn", backend), image, 0).heatmap)

    trained = heat(backend)
    assert trained[5:15, 5:11].min() > 0.5 * trained.max()
    assert rank_correlation(trained, heat(backend)) == pytest.approx(1)
    correlations = [
        rank_correlation(trained, heat(shuffle_weights(backend, backbone=False, seed=seed)))
        for seed in range(20)
    ]
    assert abs(np.mean(correlations)) < 0.3


def test_command(untrained, tmp_path, capsys):
    folder = weights.save(untrained.network, tmp_path / "untrained", config={"labels": LABELS, "size": 64})
    for name in ("a", "b"):
        image = Image.effect_noise((90, 70), 80).convert("RGB")
        (tmp_path / "photos").mkdir(exist_ok=True)
        image.save(tmp_path / "photos" / f"{name}.png")
    path = tmp_path / "report.json"
    arguments = ["--data", str(tmp_path / "photos"), "--weights", str(folder), "--limit", "1"]
    benchmark(["explain", *arguments, "--json", str(path)])
    report = json.loads(path.read_text())
    assert (report["benchmark"], report["data"], report["weights"]) == ("explanations", "photos", "untrained")
    assert (report["items"], report["available"]) == (1, 2)
    assert "shared.recognition.benchmark explain" in report["command"]
    assert report["command"].endswith("--data photos --weights untrained --limit 1")
    metrics = report["metrics"]
    assert list(metrics) == ["lite grad-cam", "lite occlusion", "lite center", "lite random"]
    for name, row in metrics.items():
        assert 0 <= row["deletion_AUC"] <= 1
        assert 0 <= row["insertion_AUC"] <= 1
        correlations = {key: row[key] for key in row if key.endswith("_correlation")}
        assert len(correlations) == (3 if name in ("lite grad-cam", "lite occlusion") else 0)
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
