"""Scores of ranked lists: average precision with junk, the N-S score, recall at K.

A list is given by the positions at which what is relevant stands, counted from 0 after the junk is taken
out: junk is neither right nor wrong, as if it were not there (Philbin et al., "Object retrieval with large
vocabularies and fast spatial matching", CVPR 2007).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np


def rank(similarity: np.ndarray) -> np.ndarray:
    """Items from the most to the least similar; equals stay in the order in which they come.

    Args:
        similarity: `[N]` or `[queries, N]`.

    Returns:
        Numbers of the items, int64, of the same shape.

    >>> rank(np.array([0.2, 0.9, 0.2])).tolist()
    [1, 0, 2]
    """
    return np.argsort(-np.asarray(similarity), axis=-1, kind="stable")


def positions(
    ranking: Sequence[int] | np.ndarray, relevant: Collection[int], junk: Collection[int] = ()
) -> np.ndarray:
    """Where the relevant items stand in a list without its junk, from 0, rising.

    Items that the list leaves out get no position. One that is relevant and junk is junk.

    >>> positions([7, 3, 5, 1], relevant={3, 1, 9}, junk={5})
    array([1, 2])
    """
    kept = np.asarray(ranking)
    kept = kept[~np.isin(kept, list(junk))]
    return np.flatnonzero(np.isin(kept, list(relevant)))


def average_precision(places: np.ndarray, relevant: int, *, trapezoid: bool = False) -> float:
    """The area under the curve of precision over recall of one list.

    Args:
        places: of the relevant items, see `positions`.
        relevant: how many there are, found or not.
        trapezoid: False for the mean of the precision at each relevant item, which is the usual definition;
            True for trapezoids between such points and the points just before them, from precision 1. The
            evaluation programs of Oxford and Paris (`compute_ap`), of their revisited protocols and of INRIA
            Holidays (`holidays_map.py`) all take trapezoids; the two differ by some tenths of a percent.

    Returns:
        0..1; items that were not found count as precision 0.

    Raises:
        ValueError: nothing is relevant.

    >>> average_precision(np.array([0, 2]), relevant=2)
    0.8333333333333333
    >>> average_precision(np.array([0, 2]), relevant=2, trapezoid=True)
    0.7916666666666666
    """
    if relevant < 1:
        raise ValueError("a query without relevant items has no average precision")
    places = np.asarray(places)
    found = np.arange(len(places))
    precision = (found + 1) / (places + 1)
    if trapezoid:
        before = np.where(places == 0, 1.0, found / np.maximum(places, 1))
        precision = (precision + before) / 2
    return float(precision.sum() / relevant)


def mean_average_precision(
    rankings: Sequence[Sequence[int] | np.ndarray],
    relevant: Sequence[Collection[int]],
    junk: Sequence[Collection[int]] | None = None,
    *,
    trapezoid: bool = False,
) -> float:
    """mAP: the mean of `average_precision` over all queries that have something relevant.

    Args:
        rankings: a list of items for each query, best first.
        relevant: the items that are right for each query.
        junk: the items that are left out for each query; by default none.
        trapezoid: see `average_precision`.

    Raises:
        ValueError: no query has a relevant item that is not junk.
    """
    junk = junk if junk is not None else [()] * len(rankings)
    scores = []
    for ranking, right, ignored in zip(rankings, relevant, junk, strict=True):
        right = set(right) - set(ignored)
        if right:
            places = positions(ranking, right, ignored)
            scores.append(average_precision(places, len(right), trapezoid=trapezoid))
    if not scores:
        raise ValueError("no query has a relevant item")
    return float(np.mean(scores))


def recall_at(
    rankings: Sequence[Sequence[int] | np.ndarray],
    relevant: Sequence[Collection[int]],
    k: int,
    junk: Sequence[Collection[int]] | None = None,
) -> float:
    """Share of the queries with at least one relevant item among the first k, 0..1.

    >>> recall_at([[4, 2, 3], [1, 2, 3]], [{2}, {3}], k=2)
    0.5
    """
    junk = junk if junk is not None else [()] * len(rankings)
    hits = [
        bool((positions(ranking, right, ignored) < k).any())
        for ranking, right, ignored in zip(rankings, relevant, junk, strict=True)
    ]
    return float(np.mean(hits))


def n_s_score(rankings: Sequence[Sequence[int] | np.ndarray], groups: np.ndarray) -> float:
    """N-S: how many of a query's own group of four are among its first four, the query itself included.

    Nister and Stewenius, "Scalable recognition with a vocabulary tree", CVPR 2006.

    Args:
        rankings: for each item of the set as the query, all items, best first.
        groups: `[N]`, the group of each item; a group has four items.

    Returns:
        0..4.

    >>> n_s_score([[0, 1, 2, 3, 4], [1, 4, 0, 2, 3]], np.array([0, 0, 0, 0, 1]))
    3.5
    """
    hits = [
        np.sum(groups[np.asarray(ranking)[:4]] == groups[query]) for query, ranking in enumerate(rankings)
    ]
    return float(np.mean(hits))
