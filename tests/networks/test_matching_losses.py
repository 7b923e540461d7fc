"""Losses on pairs of images and texts."""

import math

import pytest
import torch
from torch.nn import functional as F

from shared.networks.crossmodal.matching_losses import (
    bi_rank_loss,
    contrastive_loss,
    cosine_matrix,
    kl_matching_loss,
    positive_mask,
    softened_kl,
    triplet_loss,
)

LOSSES = [bi_rank_loss, triplet_loss, contrastive_loss, kl_matching_loss]


def batch(rows=9, dims=5, seed=0):
    torch.manual_seed(seed)
    ids = torch.arange(rows)
    ids[-1] = ids[0]  # two texts about one image
    return torch.randn(rows, dims), torch.randn(rows, dims), ids


def reference_bi_rank(x, y, ids, margin, hardest, weights):
    """Compute the bi-rank loss in loops, from its formula."""
    x, y = F.normalize(x, dim=1), F.normalize(y, dim=1)
    total = 0.0
    for i in range(len(x)):
        pair = float(x[i] @ y[i])
        for query, target, (inter, intra) in ((x, y, weights[:2]), (y, x, weights[2:])):
            hinges = [
                (float(query[i] @ target[j]) - pair + margin, float(target[i] @ target[j]) - pair + margin)
                for j in range(len(x))
                if ids[j] != ids[i]
            ]
            largest = sorted((hinge for hinge in hinges if hinge[0] > 0), reverse=True)[:hardest]
            total += sum(inter * a + intra * max(b, 0.0) for a, b in largest)
    return total / (hardest * len(x))


@pytest.mark.parametrize("hardest", [1, 3, 50])
@pytest.mark.parametrize("weights", [(1, 0.5, 2, 1), (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)])
def test_bi_rank_equals_its_formula(hardest, weights):
    x, y, ids = batch()
    value = bi_rank_loss(x, y, ids, margin=0.3, hardest=hardest, weights=weights)
    assert float(value) == pytest.approx(reference_bi_rank(x, y, ids, 0.3, hardest, weights), rel=1e-5)
    assert value > 0


def test_bi_rank_without_inner_terms_is_the_sum_of_hinges():
    x, y, ids = batch()
    value = bi_rank_loss(x, y, ids, margin=0.2, hardest=50, weights=(1, 0, 1, 0))
    assert float(50 * value) == pytest.approx(float(triplet_loss(x, y, ids, margin=0.2)), rel=1e-5)
    hardest = bi_rank_loss(x, y, ids, margin=0.2, hardest=2, weights=(1, 0, 1, 0))
    assert float(2 * hardest) == pytest.approx(
        float(triplet_loss(x, y, ids, margin=0.2, hardest=2)), rel=1e-5
    )


def test_bi_rank_divides_by_n_even_where_fewer_negatives_violate():
    x, y, ids = batch()
    hundred, fifty = (bi_rank_loss(x, y, ids, hardest=n) for n in (100, 50))
    assert float(fifty) == pytest.approx(2 * float(hundred))


def test_defaults_of_bi_rank():
    """Margin 0.1, the 50 hardest negatives, and weights 1, 0.5, 2, 1."""
    x = torch.tensor([[1.0, 0.0], [0.95, math.sqrt(1 - 0.95**2)]])
    hinge = 0.1 + 0.95 - 1  # of each of the four terms, for both rows
    expected = 2 * (1 + 0.5 + 2 + 1) * hinge / (50 * 2)
    assert float(bi_rank_loss(x, x, torch.arange(2))) == pytest.approx(expected, rel=1e-4)


def test_default_margin_of_the_triplet_loss():
    x = torch.tensor([[1.0, 0.0], [0.95, math.sqrt(1 - 0.95**2)]])
    assert float(triplet_loss(x, x, torch.arange(2))) == pytest.approx(2 * (0.2 + 0.95 - 1), rel=1e-4)


@pytest.mark.parametrize("loss", [bi_rank_loss, triplet_loss, kl_matching_loss])
def test_rows_with_the_same_id_are_no_negatives(loss):
    x, _, _ = batch(rows=4)
    equal = x[:1].expand(4, -1)
    assert abs(float(loss(equal, equal, torch.zeros(4)))) < 1e-5
    assert loss(equal, equal, torch.arange(4)) > 0.01


@pytest.mark.parametrize("loss", LOSSES)
def test_true_pairs_have_a_lower_loss_than_false_ones(loss):
    x, _, _ = batch()
    ids = torch.arange(len(x))
    assert loss(x, x, ids) < loss(x, x.roll(1, 0), ids)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("rows", [1, 2, 9])
def test_gradients_are_finite(loss, rows):
    x, y = (torch.randn(rows, 4).requires_grad_() for _ in "xy")
    loss(x, y, torch.arange(rows)).backward()
    assert x.grad.isfinite().all()
    assert y.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_shapes_that_do_not_fit_say_so(loss):
    with pytest.raises(ValueError, match=r"got \(3, 4\), \(2, 4\), \(3,\)"):
        loss(torch.zeros(3, 4), torch.zeros(2, 4), torch.zeros(3))
    with pytest.raises(ValueError, match=r"ids \[B\]"):
        loss(torch.zeros(3, 4), torch.zeros(3, 4), torch.zeros(2))


def test_bi_rank_needs_a_negative():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        bi_rank_loss(*batch(), hardest=0)


def test_hardest_negative_only():
    x, y, ids = batch()
    scores = cosine_matrix(x, y)
    negatives, pair = scores.masked_fill(positive_mask(ids), -9), scores.diagonal()
    rows = sum((negatives.max(axis).values - pair + 0.2).clamp(min=0) for axis in (0, 1))
    assert float(triplet_loss(x, y, ids, hardest=1)) == pytest.approx(float(rows.mean()), rel=1e-5)


def test_the_contrastive_target_is_uniform_over_all_partners():
    x, y, ids = batch(rows=3)
    ids = torch.tensor([5, 6, 5])
    log_p = (cosine_matrix(x, y) / 0.1).log_softmax(1)
    log_q = (cosine_matrix(y, x) / 0.1).log_softmax(1)
    target = torch.tensor([[0.5, 0, 0.5], [0, 1, 0], [0.5, 0, 0.5]])
    expected = -(target * (log_p + log_q)).sum(1).mean() / 2
    assert float(contrastive_loss(x, y, ids, temperature=0.1)) == pytest.approx(float(expected), rel=1e-5)


def test_kl_matching_of_equal_rows():
    """p is uniform over B, and q is almost 0 for B - 1 of them."""
    equal = torch.ones(4, 3)
    expected = sum(0.25 * (math.log(0.25) - math.log(q + 1e-8)) for q in (1, 0, 0, 0))
    assert float(kl_matching_loss(equal, equal, torch.arange(4))) == pytest.approx(expected, rel=1e-4)


def test_longer_vectors_are_more_confident():
    x, _, _ = batch(rows=6, dims=32)
    ids = torch.arange(6)
    assert kl_matching_loss(9 * x, x, ids) < kl_matching_loss(x, x, ids)


def test_a_higher_temperature_lowers_the_divergence():
    first, second = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    values = [float(softened_kl(first, second, t)) for t in (1, 2, 4)]
    assert values == sorted(values, reverse=True)
    p = first.softmax(1)
    expected = (p * (p.log() - second.softmax(1).log())).sum()
    assert values[0] == pytest.approx(float(expected), rel=1e-5)
