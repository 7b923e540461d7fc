"""Protocol of lifelong retrieval: lessons in sequence, and the figures on old and new classes after them.

Every test image queries all others of a group of classes (W. Chen et al., "Feature estimations based
correlation distillation for incremental image retrieval", IEEE Transactions on Multimedia 24, 2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from shared.retrieval.lifelong.views import Views

RECALLS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Vectors:
    """Test images as a network describes them.

    Attributes:
        unit: float32 `[N, D]`, of length 1.
        targets: int64 `[N]`, class numbers.
    """

    unit: np.ndarray
    targets: np.ndarray

    def part(self, mask: np.ndarray) -> Vectors:
        """Return the images of a mask `[N]`."""
        return Vectors(self.unit[mask], self.targets[mask])


def retrieval_figures(queries: Vectors, gallery: Vectors) -> dict[str, float]:
    """Compute recall@k and mAP of images among all others.

    Args:
        queries: N images.
        gallery: The same N images, in the same order, perhaps by another network; the query itself is left
            out.

    Returns:
        `recall@K` and `mAP`, 0..1. Images without another one of their class do not count.
    """
    similarity = queries.unit @ gallery.unit.T
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")[:, :-1]
    hits = gallery.targets[order] == queries.targets[:, None]
    hits = hits[hits.any(1)]
    figures = {f"recall@{k}": float(hits[:, :k].any(1).mean()) for k in RECALLS}
    precision = hits.cumsum(1) / np.arange(1, hits.shape[1] + 1)
    figures["mAP"] = float(((precision * hits).sum(1) / hits.sum(1)).mean())
    return figures


def class_groups(order: Sequence[int], sizes: Sequence[int]) -> list[np.ndarray]:
    """Cut an order of classes into the lessons of a protocol.

    Args:
        order: Class numbers in the order in which they come.
        sizes: Number of classes of each lesson.

    Raises:
        ValueError: The lessons have more classes than there are.

    >>> [group.tolist() for group in class_groups([3, 1, 0, 2], (2, 1, 1))]
    [[3, 1], [0], [2]]
    """
    if sum(sizes) > len(order):
        raise ValueError(f"the lessons have {sum(sizes)} classes, the data set {len(order)}")
    ends = np.cumsum(sizes)
    return [np.asarray(order[end - size : end]) for size, end in zip(sizes, ends, strict=True)]


def lesson_views(views: Views, group: np.ndarray, known: int) -> Views:
    """Return the images of a lesson's classes, with labels that go on from the known classes.

    Args:
        views: Images of all classes.
        group: Labels of the lesson's classes, int64.
        known: Number of the known classes.
    """
    rows = torch.isin(views.labels, torch.from_numpy(group)).nonzero()[:, 0]
    numbers = torch.full((int(views.labels.max()) + 1,), -1)
    numbers[torch.from_numpy(group)] = torch.arange(len(group)) + known
    return replace(views.part(rows), labels=numbers[views.labels[rows]])


def sequence_figures(
    final: Vectors, first: Vectors, gallery: Vectors, old: np.ndarray, new: np.ndarray
) -> dict[str, float]:
    """Compute the figures after all lessons.

    Args:
        final: Test images by the network after all lessons.
        first: Test images by the network after the first lesson.
        gallery: Test images, each by the network right after the lesson of its class.
        old: Classes of the first lesson.
        new: Classes of the later lessons.

    Returns:
        `old_*`, `new_*` and `all_*` figures; `forgetting`, the loss of recall@1 on the old classes; and
        `old_recall@1_kept`, recall@1 of old images as queries against the vectors that the gallery had
        before.
    """
    is_old, is_new = np.isin(final.targets, old), np.isin(final.targets, new)
    figures: dict[str, float] = {}
    for name, mask in (("old", is_old), ("new", is_new), ("all", is_old | is_new)):
        part = final.part(mask)
        figures |= {f"{name}_{key}": value for key, value in retrieval_figures(part, part).items()}
    before = first.part(is_old)
    figures["forgetting"] = retrieval_figures(before, before)["recall@1"] - figures["old_recall@1"]
    kept = retrieval_figures(final.part(is_old), gallery.part(is_old))
    figures["old_recall@1_kept"] = kept["recall@1"]
    return figures
