import copy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from shared.networks.lifelong.distillation import (
    change_bounds,
    distill_correlations,
    distill_logits,
    distill_vectors,
    estimate_vectors,
    maximum_mean_discrepancy,
)
from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.networks.lifelong.importance import (
    fisher_information,
    importance_penalty,
    memory_aware_importance,
)
from shared.networks.lifelong.inversion import (
    channel_statistics,
    invert,
    merge_statistics,
    statistics_distance,
)
from shared.networks.lifelong.pair_loss import hard_pair_loss


def unit_vectors(count: int, dims: int = 8, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(count, dims, generator=generator), dim=1)


def pair_loss_by_loops(unit: torch.Tensor, labels: list[int], margin: float) -> float:
    """Return the loss as the paper's text has it, one anchor after the other."""
    total = 0.0
    for i in range(len(unit)):
        similarity = [float(unit[i] @ unit[j]) for j in range(len(unit))]
        positives = [s for j, s in enumerate(similarity) if labels[j] == labels[i] and j != i]
        negatives = [s for j, s in enumerate(similarity) if labels[j] != labels[i]]
        hard_negatives = [s for s in negatives if s > min(positives) - margin]
        hard_positives = [s for s in positives if s < max(negatives) + margin]
        if hard_negatives and hard_positives:
            total += sum(1 - s for s in hard_positives) / len(hard_positives)
            total += sum(hard_negatives) / len(hard_negatives)
    return total / len(unit)


@pytest.mark.parametrize("seed", range(4))
def test_pair_loss_agrees_with_the_definition(seed):
    unit, labels = unit_vectors(12, seed=seed), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    loss = hard_pair_loss(unit, torch.tensor(labels), margin=0.1)
    assert float(loss) == pytest.approx(pair_loss_by_loops(unit, labels, 0.1), abs=1e-5)


def test_pair_loss_of_separate_classes_is_zero():
    unit = F.one_hot(torch.tensor([0, 0, 1, 1])).float()
    assert float(hard_pair_loss(unit, torch.tensor([0, 0, 1, 1]))) == 0


def test_pair_loss_stands_batches_without_pairs():
    unit = unit_vectors(3).requires_grad_()
    for labels in ([0, 0, 0], [0, 1, 2]):
        loss = hard_pair_loss(unit, torch.tensor(labels))
        (gradient,) = torch.autograd.grad(loss, unit)
        assert float(loss.detach()) == 0
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("target", ["teacher", "student"])
def test_correlations_of_a_network_with_itself_cost_nothing(target):
    unit = unit_vectors(16)
    assert float(distill_correlations(unit, unit, target=target)) == 0
    # A rotation of all vectors keeps every similarity.
    rotation, _ = torch.linalg.qr(torch.randn(8, 8, generator=torch.Generator().manual_seed(1)))
    assert float(distill_correlations(unit @ rotation, unit, target=target)) == pytest.approx(0, abs=1e-6)
    assert float(distill_correlations(unit_vectors(16, seed=5), unit, target=target)) > 1e-3


def test_correlations_agree_with_the_definition():
    student, teacher, temperature = unit_vectors(5, seed=1), unit_vectors(5, seed=2), 4.0
    p = (teacher @ teacher.T / temperature).softmax(1)
    q = (student @ student.T / temperature).softmax(1)
    forward = temperature**2 / 5 * (p * (p / q).log()).sum()
    backward = temperature**2 / 5 * (q * (q / p).log()).sum()
    assert float(distill_correlations(student, teacher)) == pytest.approx(float(forward), rel=1e-3)
    assert float(distill_correlations(student, teacher, target="student")) == pytest.approx(
        float(backward), rel=1e-3
    )


def test_distances_to_the_same_network_are_zero():
    unit, logits = unit_vectors(10), torch.randn(10, 4)
    assert float(distill_logits(logits, logits)) == 0
    assert float(distill_logits(logits + 3, logits)) == pytest.approx(0, abs=1e-6)  # softmax knows no offset
    assert float(distill_vectors(unit, unit)) == 0
    assert float(maximum_mean_discrepancy(unit, unit)) == pytest.approx(0, abs=1e-6)


def test_mean_discrepancy_tells_distributions_apart_and_not_orders():
    near, far = unit_vectors(60, seed=1), F.normalize(unit_vectors(60, seed=2) + 0.7, dim=1)
    shuffled = near[torch.randperm(60, generator=torch.Generator().manual_seed(0))]
    assert float(maximum_mean_discrepancy(near, shuffled)) == pytest.approx(0, abs=1e-5)
    assert float(maximum_mean_discrepancy(near, far)) > 10 * float(
        maximum_mean_discrepancy(near, unit_vectors(60, seed=3))
    )


def test_estimated_vectors_lie_between_the_bounds():
    teacher = unit_vectors(50)
    estimate = estimate_vectors(teacher, -0.1, 0.2, torch.Generator().manual_seed(0))
    assert torch.allclose(estimate.norm(dim=1), torch.ones(50))
    assert float((estimate * teacher).sum(1).min()) > 0.98
    assert torch.allclose(estimate_vectors(teacher, 0, 0), teacher)


def test_bounds_are_those_of_the_change():
    later = torch.tensor([[1.0, 2.0], [-1.0, 2.0]])
    earlier = later * torch.tensor([0.9, 1.3])
    assert change_bounds(earlier, later) == (pytest.approx(-0.1), pytest.approx(0.3))


def test_fisher_and_sensitivity_agree_with_gradients():
    torch.manual_seed(0)
    network = nn.Linear(3, 2)
    x, labels = torch.randn(6, 3), torch.tensor([0, 1, 0, 1, 1, 0])
    batches = [(x[i : i + 1], labels[i : i + 1]) for i in range(6)]
    weights = fisher_information(network, batches, network)
    squares = torch.zeros(2, 3)
    for row, label in batches:
        (gradient,) = torch.autograd.grad(F.cross_entropy(network(row), label), network.weight)
        squares += gradient.square()
    assert torch.allclose(weights["weight"] / weights["weight"].sum(), squares / squares.sum(), atol=1e-6)
    every = torch.cat([value.flatten() for value in weights.values()])
    assert float(every.mean()) == pytest.approx(1, rel=1e-5)

    sensitivity = memory_aware_importance(network, [row for row, _ in batches], network)
    sums = torch.zeros(2)
    for row, _ in batches:
        sums += 2 * network(row).detach().abs()[0]
    assert torch.allclose(sensitivity["bias"] / sensitivity["bias"].sum(), sums / sums.sum(), atol=1e-6)


def test_penalty_pulls_back_and_leaves_new_rows_free():
    network = nn.Linear(2, 3, bias=False)
    anchors = {"weight": network.weight.detach()[:2].clone()}
    importance = {"weight": torch.tensor([[1.0, 0.0], [2.0, 0.0]])}
    assert float(importance_penalty(network, anchors, importance)) == 0
    with torch.no_grad():
        network.weight += torch.tensor([[0.5, 9.0], [1.0, 9.0], [9.0, 9.0]])
    assert float(importance_penalty(network, anchors, importance)) == pytest.approx((0.25 + 2) / 2)


def test_merged_statistics_are_those_of_all_images():
    layer = nn.Conv2d(3, 4, 3)
    x = torch.randn(10, 3, 8, 8)
    parts = []
    with channel_statistics([layer]) as statistics:
        for part in (x[:3], x[3:]):
            layer(part)
            parts.append(tuple(statistics))
        layer(x)
        whole = tuple(statistics)
    ((mean, variance),) = merge_statistics(parts[0], 3, parts[1], 7)
    assert torch.allclose(mean, whole[0][0], atol=1e-6)
    assert torch.allclose(variance, whole[0][1], atol=1e-6)
    assert not layer._forward_hooks


def test_images_from_statistics_come_near_to_them_and_show_their_class():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3))

    def logits(x: torch.Tensor) -> torch.Tensor:
        return 4 * network(x).mean((2, 3))[:, :2]

    photos = 0.4 * torch.randn(8, 3, 16, 16).cumsum(-1).clamp(-2, 2)
    layers = [network[0], network[2]]
    labels = torch.tensor([0, 1, 0, 1])
    with channel_statistics(layers) as statistics, torch.no_grad():
        network(photos)
        references = tuple(statistics)
        noise = 0.3 * torch.randn(4, 3, 16, 16)
        network(noise)
        before = float(statistics_distance(statistics, references))
        images = None
    with torch.enable_grad():
        images = invert(logits, layers, references, labels, side=16, steps=60)
    with channel_statistics(layers) as statistics, torch.no_grad():
        network(images)
        after = float(statistics_distance(statistics, references))
    assert images.shape == (4, 3, 16, 16)
    assert float(images.abs().max()) <= 1
    assert after < 0.5 * before
    assert float(F.cross_entropy(logits(images), labels)) < float(F.cross_entropy(logits(noise), labels))


def test_network_keeps_its_classes_when_it_gains_some():
    network = EmbeddingNetwork(classes=3, dims=8).eval()
    x = torch.randn(2, 3, 48, 48)
    before = network(x)
    larger = copy.deepcopy(network)
    larger.add_classes(2)
    after = larger(x)
    assert after.logits.shape == (2, 5)
    assert torch.allclose(after.logits[:, :3], before.logits)
    assert torch.allclose(after.unit, before.unit)
    assert torch.allclose(before.unit.norm(dim=1), torch.ones(2))
    frozen = {name for name, value in network.named_parameters() if not value.requires_grad}
    assert "base.stem.weight" in frozen
    assert "head.weight" not in frozen
