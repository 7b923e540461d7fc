"""Losses of image-text matching: pairs are pulled together and all other combinations pushed apart.

All of them take a batch of pairs: row i of `x` (images) belongs to row i of `y` (texts). `ids` names the
content of the rows: rows with the same id, such as two sentences about one image, are never negatives of each
other. Vectors are compared by their cosine and need not have length 1, unless noted.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def cosine_matrix(x: Tensor, y: Tensor) -> Tensor:
    """Compute the cosine of every pair of rows.

    Args:
        x: `[B, D]`.
        y: `[C, D]`.

    Returns:
        `[B, C]` in -1..1; 0 for a row of zeros.

    >>> cosine_matrix(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0], [0.0, 0.5]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    return F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).T


def positive_mask(ids: Tensor) -> Tensor:
    """Return the mask of positives, bool `[B, B]`: True for rows with the same id.

    Args:
        ids: `[B]`.

    >>> positive_mask(torch.tensor([4, 4, 7])).int().tolist()
    [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    """
    return ids[:, None] == ids


def bi_rank_loss(
    x: Tensor,
    y: Tensor,
    ids: Tensor,
    *,
    margin: float = 0.1,
    hardest: int = 50,
    weights: tuple[float, float, float, float] = (1.0, 0.5, 2.0, 1.0),
) -> Tensor:
    """Compute the bi-rank loss: hinges against negatives of both modalities, for both rows of a pair.

    Liu, Guo, Bakker and Lew, "Learning a Recurrent Residual Fusion Network for Multimodal Matching", ICCV
    2017. Of the pair `s_i = cos(x_i, y_i)` four hinges are taken, each `[margin + negative - s_i]_+`, with
    the negatives `cos(x_i, y_j)` and `cos(y_i, y_j)` over the hardest texts j of image i, and `cos(x_j, y_i)`
    and `cos(x_i, x_j)` over the hardest images j of text i. The hardest are those of other ids with the
    largest first hinge (between the modalities), as far as it is above 0.

    Args:
        x: Images `[B, D]`.
        y: Texts `[B, D]`.
        ids: `[B]`.
        margin: Required distance of the pair's cosine from a negative's.
        hardest: Negatives that count for each row and direction, N.
        weights: Weights of the four terms in the order above.

    Returns:
        The weighted sum over all rows, divided by N times B even if fewer negatives violate the margin; 0 or
        above.

    Raises:
        ValueError: The shapes do not fit, or `hardest` is below 1.

    >>> x = torch.eye(2)
    >>> float(bi_rank_loss(x, x, torch.tensor([0, 1])))
    0.0
    """
    _check_shapes(x, y, ids)
    if hardest < 1:
        raise ValueError(f"hardest must be at least 1, got {hardest}")
    similarity = cosine_matrix(x, y)
    pair = similarity.diagonal()[:, None]
    negative = ~positive_mask(ids)
    total = similarity.new_zeros(())
    count = min(hardest, len(x))
    for inter, intra, (inter_weight, intra_weight) in (
        (similarity, cosine_matrix(y, y), weights[:2]),
        (similarity.T, cosine_matrix(x, x), weights[2:]),
    ):
        hinge = torch.relu(inter - pair + margin) * negative
        inter_hinge, index = hinge.topk(count, dim=1)
        intra_hinge = torch.relu(intra.gather(1, index) - pair + margin) * (inter_hinge > 0)
        total = total + inter_weight * inter_hinge.sum() + intra_weight * intra_hinge.sum()
    return total / (hardest * len(x))


def triplet_loss(
    x: Tensor, y: Tensor, ids: Tensor, *, margin: float = 0.2, hardest: int | None = None
) -> Tensor:
    """Compute the triplet loss in both directions.

    `[margin + cos(x_i, y_j) - s_i]_+` and `[margin + cos(x_j, y_i) - s_i]_+`. Kiros, Salakhutdinov and Zemel,
    "Unifying Visual-Semantic Embeddings with Multimodal Neural Language Models", 2014, sum over all
    negatives; Faghri et al., "VSE++", BMVC 2018, take the hardest only.

    Args:
        x: Images `[B, D]`.
        y: Texts `[B, D]`.
        ids: `[B]`.
        margin: Required distance of the pair's cosine from a negative's.
        hardest: Negatives that count for each row and direction; None for all.

    Returns:
        The sum divided by B, 0 or above.

    Raises:
        ValueError: The shapes do not fit.

    >>> ids = torch.tensor([0, 1])
    >>> round(float(triplet_loss(torch.eye(2), torch.eye(2).flip(0), ids)), 4)    # every pair is wrong
    2.4
    """
    _check_shapes(x, y, ids)
    similarity = cosine_matrix(x, y)
    pair = similarity.diagonal()[:, None]
    negative = ~positive_mask(ids)
    total = similarity.new_zeros(())
    for direction in (similarity, similarity.T):
        hinge = torch.relu(direction - pair + margin) * negative
        if hardest is not None:
            hinge = hinge.topk(min(hardest, len(x)), dim=1).values
        total = total + hinge.sum()
    return total / len(x)


def contrastive_loss(x: Tensor, y: Tensor, ids: Tensor, *, temperature: float | Tensor = 0.05) -> Tensor:
    """Compute the contrastive cross-entropy of a row's partners in the other modality, in both directions.

    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021; if
    several rows share an id, the target is uniform over them.

    Args:
        x: Images `[B, D]`.
        y: Texts `[B, D]`.
        ids: `[B]`.
        temperature: Divisor of the cosines, above 0.

    Returns:
        The mean over rows and directions, 0 or above; `log B` if all cosines are equal.

    Raises:
        ValueError: The shapes do not fit.

    >>> vectors = torch.ones(4, 3)
    >>> round(float(contrastive_loss(vectors, vectors, torch.arange(4))), 4)      # log 4
    1.3863
    """
    _check_shapes(x, y, ids)
    logits = cosine_matrix(x, y) / temperature
    target = _target_distribution(ids).to(logits.dtype)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def kl_matching_loss(x: Tensor, y: Tensor, ids: Tensor, *, epsilon: float = 1e-8) -> Tensor:
    """Compute the KL divergence of predicted from true matches, `KL(p_i || q_i)`, in one direction.

    Zhang and Lu, "Deep Cross-Modal Projection Learning for Image-Text Matching", ECCV 2018, as in ITMeetsAL:
    `p_i` is the softmax over j of `x_i . y_j / |y_j|`, a projection and no cosine, so that a longer `x_i`
    makes a more confident prediction; `q_i` is uniform over the rows that share the id of i.

    Args:
        x: Query rows `[B, D]`.
        y: Target rows `[B, D]`; `x` itself for a loss within one modality.
        ids: `[B]`.
        epsilon: Added to `q` inside the logarithm.

    Returns:
        The mean over rows; near 0 for perfect predictions, up to about `-log(epsilon)`.

    Raises:
        ValueError: The shapes do not fit.

    >>> x = 100 * torch.eye(3)
    >>> abs(round(float(kl_matching_loss(x, x, torch.arange(3))), 4))
    0.0
    """
    _check_shapes(x, y, ids)
    log_p = F.log_softmax(x @ F.normalize(y, dim=-1).T, dim=1)
    log_q = (_target_distribution(ids).to(x.dtype) + epsilon).log()
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


def softened_kl(first: Tensor, second: Tensor, temperature: float = 4.0) -> Tensor:
    """Compute `KL(softmax(first / T) || softmax(second / T))`, the divergence of two softened predictions.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, for the temperature.

    Args:
        first: Logits `[B, K]`.
        second: Logits of the same shape.
        temperature: T, above 0; a higher one gives more weight to unlikely classes.

    Returns:
        The mean over the batch, 0 or above, not scaled by T.

    >>> float(softened_kl(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 2.0]])))
    0.0
    """
    log_first = F.log_softmax(first / temperature, dim=-1)
    log_second = F.log_softmax(second / temperature, dim=-1)
    return F.kl_div(log_second, log_first, reduction="batchmean", log_target=True)


def _target_distribution(ids: Tensor) -> Tensor:
    """Return the rows of `positive_mask`, each normalised to sum 1."""
    positive = positive_mask(ids).float()
    return positive / positive.sum(1, keepdim=True)


def _check_shapes(x: Tensor, y: Tensor, ids: Tensor) -> None:
    if x.ndim != 2 or x.shape != y.shape or tuple(ids.shape) != (len(x),):
        raise ValueError(
            f"x and y must be [B, D] and ids [B], got {tuple(x.shape)}, {tuple(y.shape)}, {tuple(ids.shape)}"
        )
