"""How well words find pictures and pictures find words: recall at K in both directions.

Every text belongs to one picture, and a picture may have several texts: five in Flickr8k. A picture's search
is right when any of its own texts is among the first K, as in Karpathy and Li, "Deep Visual-Semantic
Alignments", CVPR 2015, and the papers since.
"""

from __future__ import annotations

import numpy as np

from shared.evaluation import ranking

DEPTHS = (1, 5, 10)


def first_relevant_ranks(similarity: np.ndarray, owners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the first right answer of each search stands, counted from 0.

    Of answers that are equally near the first in number comes first.

    Args:
        similarity: `[pictures, texts]`, the higher the nearer.
        owners: The picture of each text, int `[texts]`; every picture has at least one.

    Returns:
        int64 `[pictures]` for the texts that pictures find, and `[texts]` for the pictures that texts find.

    Raises:
        ValueError: The shapes do not fit, or a picture has no text.

    >>> similarity = np.array([[0.1, 0.9, 0.2], [0.8, 0.3, 0.7]])
    >>> i2t, t2i = first_relevant_ranks(similarity, np.array([0, 0, 1]))
    >>> i2t.tolist(), t2i.tolist()
    ([0, 1], [1, 0, 0])
    """
    similarity, owners = np.asarray(similarity), np.asarray(owners)
    pictures, texts = similarity.shape
    if owners.shape != (texts,):
        raise ValueError(f"expected an owner for each of {texts} texts, received {list(owners.shape)}")
    if set(owners.tolist()) != set(range(pictures)):
        raise ValueError(f"each of {pictures} pictures must own a text, and each text belong to one of them")
    own = owners == np.arange(pictures)[:, None]
    # The best own text; of several that are equally near the first, as in a stable sort.
    best = np.where(own, similarity, -np.inf).argmax(1)
    rows = similarity[np.arange(pictures), best][:, None]
    before = (similarity == rows) & (np.arange(texts) < best[:, None])
    i2t = ((similarity > rows) | before).sum(1)
    columns = similarity[owners, np.arange(texts)]
    before = (similarity == columns) & (np.arange(pictures)[:, None] < owners)
    t2i = ((similarity > columns) | before).sum(0)
    return i2t, t2i


def figures(similarity: np.ndarray, owners: np.ndarray) -> dict[str, float]:
    """Recall at 1, 5 and 10, the median rank and R-sum. Arguments and errors as for `first_relevant_ranks`.

    Returns:
        `i2t_R@K` (a picture finds one of its texts) and `t2i_R@K` (a text finds its picture), 0..1;
        `i2t_median_rank` and `t2i_median_rank`, 1 or more; `R_sum`, the sum of the six recalls, 0..6.

    >>> found = figures(np.eye(2), np.arange(2))
    >>> found["R_sum"], found["t2i_median_rank"]
    (6.0, 1.0)
    """
    found = {}
    for name, hits in zip(("i2t", "t2i"), first_relevant_ranks(similarity, owners), strict=True):
        found |= {f"{name}_R@{depth}": float((hits < depth).mean()) for depth in DEPTHS}
        found[f"{name}_median_rank"] = float(np.median(hits) + 1)
    return found | {"R_sum": sum(value for name, value in found.items() if "R@" in name)}


def shared_text_metrics(similarity: np.ndarray, relevant: np.ndarray) -> dict[str, float]:
    """Recall and mAP where one text may describe many pictures, such as the name of a product.

    Args:
        similarity: `[pictures, texts]`, texts all different.
        relevant: Which texts describe which pictures, bool of the same shape; each row has one.

    Returns:
        `i2t_R@1`, `i2t_R@5`: pictures that find one of their texts; `t2i_R@1`: texts that find one of their
        pictures; `t2i_mAP`: over the texts that have pictures. All 0..1.

    >>> found = shared_text_metrics(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[True, False], [True, True]]))
    >>> found["i2t_R@1"], found["t2i_mAP"]
    (1.0, 1.0)
    """
    texts = [set(np.flatnonzero(row).tolist()) for row in relevant]
    described = relevant.any(0)
    pictures = [set(np.flatnonzero(column).tolist()) for column in relevant.T[described]]
    found, others = list(ranking.rank(similarity)), list(ranking.rank(similarity.T[described]))
    return {
        "i2t_R@1": ranking.recall_at(found, texts, 1),
        "i2t_R@5": ranking.recall_at(found, texts, 5),
        "t2i_R@1": ranking.recall_at(others, pictures, 1),
        "t2i_mAP": ranking.mean_average_precision(others, pictures),
    }
