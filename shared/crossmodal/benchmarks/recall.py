"""Recall at K between images and texts, in both directions.

Every text describes one image, and an image may have several texts: five in Flickr8k. The search of an image
is right if any of its own texts is among the first K, as in Karpathy and Li, "Deep Visual-Semantic
Alignments", CVPR 2015, and the papers since.
"""

from __future__ import annotations

import numpy as np

from shared.evaluation import ranking

DEPTHS = (1, 5, 10)


def first_relevant_ranks(similarity: np.ndarray, image_index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rank of the first relevant result of each search, from 0; ties keep their order.

    Args:
        similarity: `[images, texts]`.
        image_index: Index of the image that each text describes, int `[texts]`; every image has a text.

    Returns:
        int64 `[images]` for searches of images among texts, and `[texts]` for searches of texts among images.

    Raises:
        ValueError: The shapes do not fit, or an image has no text.

    >>> similarity = np.array([[0.1, 0.9, 0.2], [0.8, 0.3, 0.7]])
    >>> i2t, t2i = first_relevant_ranks(similarity, np.array([0, 0, 1]))
    >>> i2t.tolist(), t2i.tolist()
    ([0, 1], [1, 0, 0])
    """
    similarity, image_index = np.asarray(similarity), np.asarray(image_index)
    images, texts = similarity.shape
    if image_index.shape != (texts,):
        raise ValueError(f"expected an image for each of {texts} texts, received {list(image_index.shape)}")
    if set(image_index.tolist()) != set(range(images)):
        raise ValueError(f"each of {images} images must have a text, and each text describe one of them")
    relevant = image_index == np.arange(images)[:, None]
    # The best relevant text; the first of several equal ones, as in a stable sort.
    best = np.where(relevant, similarity, -np.inf).argmax(1)
    best_scores = similarity[np.arange(images), best][:, None]
    ties_before = (similarity == best_scores) & (np.arange(texts) < best[:, None])
    i2t = ((similarity > best_scores) | ties_before).sum(1)
    own_scores = similarity[image_index, np.arange(texts)]
    ties_before = (similarity == own_scores) & (np.arange(images)[:, None] < image_index)
    t2i = ((similarity > own_scores) | ties_before).sum(0)
    return i2t, t2i


def recall_metrics(similarity: np.ndarray, image_index: np.ndarray) -> dict[str, float]:
    """Compute recall at 1, 5 and 10, the median rank and R-sum.

    Args:
        similarity: See `first_relevant_ranks`.
        image_index: See `first_relevant_ranks`.

    Returns:
        `i2t_R@K` (texts found by an image) and `t2i_R@K` (images found by a text), 0..1; `i2t_median_rank`
        and `t2i_median_rank`, 1 or more; `R_sum`, the sum of the six recalls, 0..6.

    Raises:
        ValueError: See `first_relevant_ranks`.

    >>> metrics = recall_metrics(np.eye(2), np.arange(2))
    >>> metrics["R_sum"], metrics["t2i_median_rank"]
    (6.0, 1.0)
    """
    metrics: dict[str, float] = {}
    for name, ranks in zip(("i2t", "t2i"), first_relevant_ranks(similarity, image_index), strict=True):
        metrics |= {f"{name}_R@{depth}": float((ranks < depth).mean()) for depth in DEPTHS}
        metrics[f"{name}_median_rank"] = float(np.median(ranks) + 1)
    return metrics | {"R_sum": sum(value for name, value in metrics.items() if "R@" in name)}


def shared_text_metrics(similarity: np.ndarray, relevant: np.ndarray) -> dict[str, float]:
    """Compute recall and mAP for texts that may describe many images, such as product names.

    Args:
        similarity: `[images, texts]`, the texts distinct.
        relevant: Mask of the texts that describe each image, bool of the same shape; each row has one.

    Returns:
        `i2t_R@1`, `i2t_R@5`: images that find one of their texts; `t2i_R@1`: texts that find one of their
        images; `t2i_mAP`: over the texts that have images. All 0..1.

    >>> relevant = np.array([[True, False], [True, True]])
    >>> metrics = shared_text_metrics(np.array([[0.9, 0.1], [0.8, 0.2]]), relevant)
    >>> metrics["i2t_R@1"], metrics["t2i_mAP"]
    (1.0, 1.0)
    """
    described = relevant.any(0)
    relevant_texts = [set(np.flatnonzero(row).tolist()) for row in relevant]
    relevant_images = [set(np.flatnonzero(column).tolist()) for column in relevant.T[described]]
    ranked_texts = list(ranking.rank(similarity))
    ranked_images = list(ranking.rank(similarity.T[described]))
    return {
        "i2t_R@1": ranking.recall_at(ranked_texts, relevant_texts, 1),
        "i2t_R@5": ranking.recall_at(ranked_texts, relevant_texts, 5),
        "t2i_R@1": ranking.recall_at(ranked_images, relevant_images, 1),
        "t2i_mAP": ranking.mean_average_precision(ranked_images, relevant_images),
    }
