"""Losses that draw a picture and its sentence together and push the others away.

All of them take a batch of pairs: row i of `x` (pictures) belongs to row i of `y` (sentences). `ids` tells
what rows show: two rows with the same id, such as two sentences on one photo, are never negatives of each
other. Vectors are compared by their cosine, and need not have length 1.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def cosine_matrix(x: Tensor, y: Tensor) -> Tensor:
    """Cosine of every row with every row, `[B, D]` and `[C, D]` to `[B, C]`; 0 for a row of zeros.

    >>> cosine_matrix(torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0], [0.0, 0.5]])).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    return F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).T


def positive_mask(ids: Tensor) -> Tensor:
    """Which rows show the same, bool `[B, B]`.

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
    """Bi-rank loss: a pair must be nearer than negatives of both modalities, for both of its rows.

    Liu, Guo, Bakker and Lew, "Learning a Recurrent Residual Fusion Network for Multimodal Matching", ICCV
    2017. Of the pair `s_i = cos(x_i, y_i)` four hinges are taken, each `[margin + negative - s_i]_+`, with
    the negatives `cos(x_i, y_j)` and `cos(y_i, y_j)` over the hardest sentences j of picture i, and `cos(x_j,
    y_i)` and `cos(x_i, x_j)` over the hardest pictures j of sentence i. The hardest are those of other ids
    whose first hinge (between the modalities) is largest, and of these only the ones where it is above 0.

    Args:
        x: pictures `[B, D]`.
        y: sentences `[B, D]`.
        ids: `[B]`, see above.
        margin: by how much a pair must be nearer.
        hardest: N, how many negatives count for each row and direction.
        weights: of the four terms in the order above.

    Returns:
        The weighted sum over all rows, divided by N times B even where fewer negatives violate the margin.

    Raises:
        ValueError: the shapes do not fit, or `hardest` is below 1.

    >>> x = torch.eye(2)
    >>> float(bi_rank_loss(x, x, torch.tensor([0, 1])))
    0.0
    """
    _check(x, y, ids)
    if hardest < 1:
        raise ValueError(f"hardest must be at least 1, got {hardest}")
    between = cosine_matrix(x, y)
    pair = between.diagonal()[:, None]
    apart = ~positive_mask(ids)
    total = between.new_zeros(())
    count = min(hardest, len(x))
    for across, within, (first, second) in (
        (between, cosine_matrix(y, y), weights[:2]),
        (between.T, cosine_matrix(x, x), weights[2:]),
    ):
        hinge = torch.relu(across - pair + margin) * apart
        worst, places = hinge.topk(count, dim=1)
        same = torch.relu(within.gather(1, places) - pair + margin) * (worst > 0)
        total = total + first * worst.sum() + second * same.sum()
    return total / (hardest * len(x))


def triplet_loss(
    x: Tensor, y: Tensor, ids: Tensor, *, margin: float = 0.2, hardest: int | None = None
) -> Tensor:
    """Hinges of both directions: `[margin + cos(x_i, y_j) - s_i]_+` and `[margin + cos(x_j, y_i) - s_i]_+`.

    Kiros, Salakhutdinov and Zemel, "Unifying Visual-Semantic Embeddings with Multimodal Neural Language
    Models", 2014, sum over all negatives; Faghri et al., "VSE++", BMVC 2018, take the hardest alone.

    Args:
        x: pictures `[B, D]`.
        y: sentences `[B, D]`.
        ids: `[B]`, see above.
        margin: by how much a pair must be nearer.
        hardest: how many negatives count for each row and direction; None for all.

    Returns:
        The sum divided by B, 0 or more.

    Raises:
        ValueError: the shapes do not fit.

    >>> ids = torch.tensor([0, 1])
    >>> round(float(triplet_loss(torch.eye(2), torch.eye(2).flip(0), ids)), 4)    # every pair is wrong
    2.4
    """
    _check(x, y, ids)
    between = cosine_matrix(x, y)
    pair = between.diagonal()[:, None]
    apart = ~positive_mask(ids)
    total = between.new_zeros(())
    for across in (between, between.T):
        hinge = torch.relu(across - pair + margin) * apart
        if hardest is not None:
            hinge = hinge.topk(min(hardest, len(x)), dim=1).values
        total = total + hinge.sum()
    return total / len(x)


def contrastive_loss(x: Tensor, y: Tensor, ids: Tensor, *, temperature: float | Tensor = 0.05) -> Tensor:
    """Cross-entropy of finding a row's partners among all rows of the other modality, in both directions.

    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021; where
    several rows share an id, the right answer is spread evenly over them.

    Args:
        x: pictures `[B, D]`.
        y: sentences `[B, D]`.
        ids: `[B]`, see above.
        temperature: above 0, divides the cosine_matrix.

    Returns:
        The mean over rows and directions, 0 or more; `log B` where all cosine_matrix are the same.

    Raises:
        ValueError: the shapes do not fit.

    >>> one = torch.ones(4, 3)
    >>> round(float(contrastive_loss(one, one, torch.arange(4))), 4)      # log 4
    1.3863
    """
    _check(x, y, ids)
    logits = cosine_matrix(x, y) / temperature
    target = _shares(ids).to(logits.dtype)
    return (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2


def kl_matching_loss(x: Tensor, y: Tensor, ids: Tensor, *, epsilon: float = 1e-8) -> Tensor:
    """KL divergence of predicted from true positive_mask, `KL(p_i || q_i)`, one direction.

    Zhang and Lu, "Deep Cross-Modal Projection Learning for Image-Text Matching", ECCV 2018, as ITMeetsAL uses
    it: `p_i` is the softmax over j of `x_i . y_j / |y_j|`, a projection and no cosine, so that the length of
    `x_i` says how sure it is; `q_i` is even over the rows that share the id of i.

    Args:
        x: rows `[B, D]` that search.
        y: rows `[B, D]` that are found; `x` itself for a loss within one modality.
        ids: `[B]`, see above.
        epsilon: added to `q` inside the logarithm.

    Returns:
        The mean over rows; near 0 where the positive_mask are found, up to about `-log(epsilon)`.

    Raises:
        ValueError: the shapes do not fit.

    >>> x = 100 * torch.eye(3)
    >>> abs(round(float(kl_matching_loss(x, x, torch.arange(3))), 4))
    0.0
    """
    _check(x, y, ids)
    log_p = F.log_softmax(x @ F.normalize(y, dim=-1).T, dim=1)
    log_q = (_shares(ids).to(x.dtype) + epsilon).log()
    return (log_p.exp() * (log_p - log_q)).sum(1).mean()


def softened_kl(first: Tensor, second: Tensor, temperature: float = 4.0) -> Tensor:
    """`KL(softmax(first / T) || softmax(second / T))`: how differently two softened answers look.

    Guo et al., "On Calibration of Modern Neural Networks", ICML 2017, for the temperature.

    Args:
        first: logits `[B, K]`.
        second: logits of the same shape.
        temperature: T, above 0; the higher, the more the unlikely answers count.

    Returns:
        The mean over the batch, 0 or more, not scaled by T.

    >>> float(softened_kl(torch.tensor([[1.0, 2.0]]), torch.tensor([[1.0, 2.0]])))
    0.0
    """
    log_first = F.log_softmax(first / temperature, dim=-1)
    log_second = F.log_softmax(second / temperature, dim=-1)
    return F.kl_div(log_second, log_first, reduction="batchmean", log_target=True)


def _shares(ids: Tensor) -> Tensor:
    """Rows of `positive_mask`, each scaled to sum 1."""
    same = positive_mask(ids).float()
    return same / same.sum(1, keepdim=True)


def _check(x: Tensor, y: Tensor, ids: Tensor) -> None:
    if x.ndim != 2 or x.shape != y.shape or tuple(ids.shape) != (len(x),):
        raise ValueError(
            f"x and y must be [B, D] and ids [B], got {tuple(x.shape)}, {tuple(y.shape)}, {tuple(ids.shape)}"
        )
