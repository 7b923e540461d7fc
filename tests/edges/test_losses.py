"""Losses of batches that mix labels and soft maps."""

import pytest
import torch
from torch.nn import functional as F

from shared.edges.training.losses import SIDE_WEIGHT, mixed_loss, soft_loss
from shared.networks.rds import relaxed_loss


@pytest.mark.parametrize("balanced", [True, False])
def test_labels_and_strengths_both_count(balanced):
    logits = torch.zeros(2, 6, 8, 8, requires_grad=True)
    targets = torch.zeros(2, 6, 8, 8)
    targets[:, :, 4] = 1
    mixed_loss(logits, targets, torch.tensor([False, True]), balanced=balanced).backward()
    assert (logits.grad[0].abs().sum((1, 2)) > 0).all()
    assert (logits.grad[1].abs().sum((1, 2)) > 0).all()
    ratio = logits.grad[:, 0].abs().sum() / logits.grad[:, 5].abs().sum()
    assert ratio.item() == pytest.approx(SIDE_WEIGHT, rel=1e-4)


def test_labels_alone_are_the_relaxed_loss_per_pixel():
    torch.manual_seed(0)
    logits, labels = torch.randn(2, 6, 4, 5), torch.randint(0, 3, (2, 6, 4, 5)).float()
    losses = [relaxed_loss(logits[:, output], labels[:, output]) / 20 for output in range(6)]
    expected = SIDE_WEIGHT * sum(losses[:5]) + losses[5]
    torch.testing.assert_close(
        mixed_loss(logits, labels, torch.tensor([False, False]), balanced=False), expected
    )


def test_strong_edges_weigh_five_times_as_much_as_none():
    logits = torch.zeros(1, 1, 2, requires_grad=True)
    strength = torch.tensor([[[0.0, 1.0]]])
    expected = F.binary_cross_entropy_with_logits(logits, strength, torch.tensor([[[1.0, 5.0]]]))
    torch.testing.assert_close(soft_loss(logits, strength), expected)
    soft_loss(logits, strength).backward()
    assert logits.grad.flatten().tolist() == pytest.approx([0.25, -1.25])
