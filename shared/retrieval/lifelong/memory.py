"""Memory of a taught network: knowledge of earlier lessons, without an image or the vector of one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from shared.networks.lifelong.distillation import change_bounds
from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.networks.lifelong.importance import (
    Importance,
    fisher_information,
    memory_aware_importance,
)
from shared.networks.lifelong.inversion import Statistics, channel_statistics, merge_statistics
from shared.retrieval.lifelong.methods import ImportanceKind
from shared.retrieval.lifelong.teacher import embed
from shared.retrieval.lifelong.views import Views, to_device

CHUNK = 64  # maps of a forward pass
IMPORTANCE_BATCH, IMPORTANCE_BATCHES = 8, 40


@dataclass(frozen=True)
class Memory:
    """Knowledge about earlier lessons.

    Attributes:
        classes: Names of the known classes, by number.
        images: Number of images of all lessons.
        bounds: Least and greatest relative change of the vectors in each lesson after the first.
        importance: Importance of the trainable weights by kind, where it was asked for.
    """

    classes: tuple[str, ...] = ()
    images: int = 0
    bounds: tuple[tuple[float, float], ...] = ()
    importance: Mapping[ImportanceKind, Importance] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Learner:
    """Network, and its memory of the lessons so far."""

    network: EmbeddingNetwork
    memory: Memory = field(default_factory=Memory)


def merge_importance(earlier: Mapping[str, Tensor], later: Mapping[str, Tensor], lessons: int) -> Importance:
    """Average the importance of weights over lessons.

    Args:
        earlier: Mean of the first `lessons` lessons; parameters may have gained rows since.
        later: Of the lesson after them.
        lessons: Number of earlier lessons.
    """
    merged = {}
    for name, value in later.items():
        total = value.clone()
        if name in earlier:
            total[: len(earlier[name])] += lessons * earlier[name]
        merged[name] = total / (lessons + 1)
    return merged


def remember(
    learner: Learner,
    student: EmbeddingNetwork,
    views: Views,
    names: tuple[str, ...],
    importance: tuple[ImportanceKind, ...] = (),
) -> Learner:
    """Return network and memory after a lesson.

    Args:
        learner: Network and memory before it.
        student: Network after it, whose statistics are set.
        views: Views of the lesson's images.
        names: Names of its classes.
        importance: Kinds of importance to measure.
    """
    network, memory = learner.network, learner.memory
    student.set_statistics(
        merge_statistics(
            network.statistics if memory.images else (),
            memory.images,
            measure_statistics(student, views),
            len(views),
        )
    )
    bounds = memory.bounds
    if memory.classes:
        maps = views.maps[:, 0]
        bounds = (*bounds, change_bounds(embed(network, maps).unit, embed(student, maps).unit))
    measured = {}
    for kind in importance:
        weights = measure_importance(student, views, kind)
        earlier = memory.importance.get(kind)
        measured[kind] = merge_importance(earlier, weights, len(memory.bounds) + 1) if earlier else weights
    return Learner(
        student,
        Memory(
            classes=(*memory.classes, *names),
            images=memory.images + len(views),
            bounds=bounds,
            importance=measured or memory.importance,
        ),
    )


@torch.no_grad()
def measure_statistics(network: EmbeddingNetwork, views: Views) -> Statistics:
    """Return the statistics of all convolutions over views; the views know those of the frozen ones."""
    upper: Statistics = ()
    images = 0
    with channel_statistics(network.convolutions(trained=True)) as statistics:
        for maps in views.maps.flatten(0, 1).split(CHUNK):
            network.upper(to_device(maps, network))
            part = tuple((mean.cpu(), variance.cpu()) for mean, variance in statistics)
            upper = merge_statistics(upper, images, part, len(maps))
            images += len(maps)
    return (*views.statistics, *upper)


def measure_importance(network: EmbeddingNetwork, views: Views, kind: ImportanceKind) -> Importance:
    """Return the importance of the trainable weights for the images of a lesson."""
    order = torch.randperm(len(views), generator=torch.Generator().manual_seed(0))
    rows = order.split(IMPORTANCE_BATCH)[:IMPORTANCE_BATCHES]
    batches = ((to_device(views.maps[part, 0], network), views.labels[part]) for part in rows)
    if kind == "fisher":
        device = next(network.parameters()).device
        labelled = ((maps, labels.to(device)) for maps, labels in batches)
        return fisher_information(network, labelled, lambda maps: network.upper(maps).logits)
    return memory_aware_importance(
        network, (maps for maps, _ in batches), lambda maps: network.upper(maps).raw
    )
