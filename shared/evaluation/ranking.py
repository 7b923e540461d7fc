"""Scores of ranked lists: average precision with junk, recall at k, the N-S score.

A list is given by the positions of its relevant items, counted from 0 after the junk is removed: junk is
neither right nor wrong, as if it were not in the list (Philbin et al., "Object retrieval with large
vocabularies and fast spatial matching", CVPR 2007).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike

#: Numbers of items, best first.
Ranking: TypeAlias = Sequence[int] | np.ndarray


def rank(similarity: ArrayLike) -> np.ndarray:
    """Return the items from the most to the least similar; ties stay in their order.

    Args:
        similarity: `[N]` or `[queries, N]`.

    Returns:
        Numbers of the items, int64, of the same shape.

    >>> rank(np.array([0.2, 0.9, 0.2])).tolist()
    [1, 0, 2]
    """
    return np.argsort(-np.asarray(similarity), axis=-1, kind="stable")


def positions(ranking: Ranking, relevant: Collection[int], junk: Collection[int] = ()) -> np.ndarray:
    """Return the positions of the relevant items in a list without its junk.

    Args:
        ranking: The list.
        relevant: Relevant items; those that the list leaves out get no position.
        junk: Items to remove; an item that is relevant and junk is junk.

    Returns:
        Positions from 0, increasing.

    >>> positions([7, 3, 5, 1], relevant={3, 1, 9}, junk={5})
    array([1, 2])
    """
    items = np.asarray(ranking)
    items = items[~np.isin(items, list(junk))]
    return np.flatnonzero(np.isin(items, list(relevant)))


def average_precision(hit_positions: ArrayLike, relevant: int, *, trapezoid: bool = False) -> float:
    """Compute the area under the curve of precision over recall of one list.

    Args:
        hit_positions: Positions of the relevant items, see `positions`.
        relevant: Number of relevant items, retrieved or not.
        trapezoid: False for the mean of the precision at each relevant item, which is the usual definition;
            True for trapezoids between such points and the points just before them, from precision 1. The
            evaluation programs of Oxford and Paris (`compute_ap`), of their revisited protocols and of INRIA
            Holidays (`holidays_map.py`) all use trapezoids; the two differ by some tenths of a percent.

    Returns:
        0..1; items that were not retrieved count as precision 0.

    Raises:
        ValueError: No item is relevant.

    >>> average_precision(np.array([0, 2]), relevant=2)
    0.8333333333333333
    >>> average_precision(np.array([0, 2]), relevant=2, trapezoid=True)
    0.7916666666666666
    """
    if relevant < 1:
        raise ValueError("a query without relevant items has no average precision")
    ranks = np.asarray(hit_positions)
    hits = np.arange(len(ranks))
    precision = (hits + 1) / (ranks + 1)
    if trapezoid:
        before = np.where(ranks == 0, 1.0, hits / np.maximum(ranks, 1))
        precision = (precision + before) / 2
    return float(precision.sum() / relevant)


def mean_average_precision(
    rankings: Sequence[Ranking],
    relevant: Sequence[Collection[int]],
    junk: Sequence[Collection[int]] | None = None,
    *,
    trapezoid: bool = False,
) -> float:
    """Compute mAP: the mean of `average_precision` over all queries with a relevant item.

    Args:
        rankings: List of each query.
        relevant: Relevant items of each query.
        junk: Items to remove for each query; by default none.
        trapezoid: See `average_precision`.

    Returns:
        0..1.

    Raises:
        ValueError: No query has a relevant item that is not junk.
    """
    junk = junk if junk is not None else [()] * len(rankings)
    scores = []
    for ranking, items, ignored in zip(rankings, relevant, junk, strict=True):
        count = len(set(items) - set(ignored))
        if count:
            scores.append(average_precision(positions(ranking, items, ignored), count, trapezoid=trapezoid))
    if not scores:
        raise ValueError("no query has a relevant item")
    return float(np.mean(scores))


def recall_at(
    rankings: Sequence[Ranking],
    relevant: Sequence[Collection[int]],
    k: int,
    junk: Sequence[Collection[int]] | None = None,
) -> float:
    """Compute the share of queries with at least one relevant item among the first k.

    Args:
        rankings: List of each query.
        relevant: Relevant items of each query.
        k: Number of items considered.
        junk: Items to remove for each query; by default none.

    Returns:
        0..1.

    >>> recall_at([[4, 2, 3], [1, 2, 3]], [{2}, {3}], k=2)
    0.5
    """
    junk = junk if junk is not None else [()] * len(rankings)
    hits = [
        bool((positions(ranking, items, ignored) < k).any())
        for ranking, items, ignored in zip(rankings, relevant, junk, strict=True)
    ]
    return float(np.mean(hits))


def n_s_score(rankings: Sequence[Ranking], groups: Sequence[Collection[int]]) -> float:
    """Compute N-S: the mean number of items of the query's group of four among the first four.

    Nister and Stewenius, "Scalable recognition with a vocabulary tree", CVPR 2006.

    Args:
        rankings: List of each query, which includes the query itself.
        groups: Items of each query's group, the query included.

    Returns:
        0..4.

    >>> n_s_score([[0, 1, 2, 3, 4], [1, 4, 0, 2, 3]], [{0, 1, 2, 3}] * 2)
    3.5
    """
    hits = [
        np.isin(np.asarray(ranking)[:4], list(group)).sum()
        for ranking, group in zip(rankings, groups, strict=True)
    ]
    return float(np.mean(hits))
