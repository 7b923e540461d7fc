"""Losses between a network and an earlier one, against forgetting.

* `distill_logits`: Hinton, Vinyals and Dean, "Distilling the Knowledge in a Neural Network", 2015, as in Li
  and Hoiem, "Learning without Forgetting" (LwF), ECCV 2016.
* `distill_vectors`: Hou et al., "Learning a Unified Classifier Incrementally via Rebalancing", CVPR 2019,
  without its classifier: distance of features.
* `maximum_mean_discrepancy`: Gretton et al., "A Kernel Two-Sample Test", JMLR 2012, as in Chen et al., "On
  the Exploration of Incremental Learning for Fine-grained Image Retrieval", BMVC 2020.
* `distill_correlations`, `estimate_vectors`: Chen et al., "Feature estimations based correlation distillation
  for incremental image retrieval", IEEE Transactions on Multimedia 24 (2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

Direction: TypeAlias = Literal["teacher", "student"]

CORRELATION_TEMPERATURE = 4.0
LOGIT_TEMPERATURE = 2.0
BANDWIDTHS = (1.0, 2.0, 4.0, 8.0, 16.0)  # of the kernels, in units of the median squared distance
TINY = 1e-12


def distill_logits(student: Tensor, teacher: Tensor, temperature: float = LOGIT_TEMPERATURE) -> Tensor:
    """Compute T² KL(softmax(teacher / T) || softmax(student / T)), the mean over the batch.

    Args:
        student: `[B, C]`, logits.
        teacher: `[B, C]`, logits of the earlier network for the same images.
        temperature: T; a higher one weighs the improbable classes more.
    """
    return temperature**2 * _divergence(teacher / temperature, student / temperature)


def distill_vectors(student: Tensor, teacher: Tensor) -> Tensor:
    """Compute the mean squared distance of vectors `[B, D]` to those of the earlier network."""
    return (student - teacher).square().sum(1).mean()


def maximum_mean_discrepancy(
    student: Tensor, teacher: Tensor, bandwidths: Sequence[float] = BANDWIDTHS
) -> Tensor:
    """Compute the squared MMD of two sets of vectors, with a sum of Gaussian kernels.

    `E k(f, f') + E k(g, g') - 2 E k(f, g)`, the biased estimate, which is never negative.

    Args:
        student: `[B, D]`.
        teacher: `[B', D]`.
        bandwidths: Variances of the kernels in units of the median squared distance of all vectors.
    """
    vectors = torch.cat([student, teacher])
    squares = torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist").square()
    with torch.no_grad():
        rows, columns = torch.triu_indices(len(vectors), len(vectors), 1, device=vectors.device)
        median = squares[rows, columns].median().clamp(min=TINY)
    kernel = torch.stack([torch.exp(-squares / (2 * width * median)) for width in bandwidths]).sum(0)
    count = len(student)
    within = kernel[:count, :count].mean() + kernel[count:, count:].mean()
    return within - 2 * kernel[:count, count:].mean()


def distill_correlations(
    student: Tensor,
    teacher: Tensor,
    temperature: float = CORRELATION_TEMPERATURE,
    target: Direction = "teacher",
) -> Tensor:
    """Compute the divergence of the rows of two similarity matrices, `T² / B sum KL`.

    The similarities of an image to all images of the batch, softened by T, are its distribution. A network
    against itself has a loss of exactly 0.

    Args:
        student: `[B, D]`, vectors of length 1.
        teacher: `[B, D']`, vectors of length 1 of the earlier network for the same images.
        temperature: T, 4 in the paper.
        target: `"teacher"` for KL(teacher || student), the usual direction; `"student"` for the opposite one,
            which the released training calls.
    """
    rows = student @ student.T / temperature
    targets = teacher @ teacher.T / temperature
    if target == "student":
        rows, targets = targets, rows
    return temperature**2 * _divergence(targets, rows)


def estimate_vectors(
    teacher: Tensor, low: float, high: float, generator: torch.Generator | None = None
) -> Tensor:
    """Estimate the vectors of a network before the last one, which is not there any more.

    `E + U * E` with one uniform number U of `low..high` per element, scaled to length 1.

    Args:
        teacher: `[B, D]`, vectors of length 1 of the last network.
        low: Least relative change of an element, see `change_bounds`.
        high: Greatest relative change.
        generator: Source of randomness.
    """
    noise = torch.rand(teacher.shape, generator=generator, device=teacher.device, dtype=teacher.dtype)
    return F.normalize(teacher * (1 + low + (high - low) * noise), dim=1)


def change_bounds(earlier: Tensor, later: Tensor) -> tuple[float, float]:
    """Return the least and the greatest relative change of a dimension between two networks.

    The paper sets the bounds by hand; here they are measured on the images of a lesson, before and after it,
    as the change of the mean magnitude of each dimension.

    Args:
        earlier: `[N, D]`, vectors of the earlier network.
        later: `[N, D]`, vectors of the later network for the same images.

    Returns:
        Bounds for `estimate_vectors` of the earlier network from the later one.
    """
    before, after = earlier.abs().mean(0), later.abs().mean(0)
    change = (before - after) / after.clamp(min=TINY)
    return float(change.min()), float(change.max())


def _divergence(targets: Tensor, logits: Tensor) -> Tensor:
    """Return KL(softmax(targets) || softmax(logits)), the mean over rows."""
    return F.kl_div(logits.log_softmax(1), targets.log_softmax(1), reduction="batchmean", log_target=True)
