"""Lifelong retrieval: lessons of new classes without the old images, by every method.

    python -m shared.retrieval.benchmark lifelong --data GROCERY --set grocery

The rows are the methods of `shared.retrieval.lifelong.methods`, `initial` (the network after the first
lesson, on its own classes) and `joint` (all classes in one lesson, which no lifelong method may do). `all` is
the mean over the seeds, and `..._std` the standard deviation. See `shared.retrieval.lifelong.protocol` for
the figures.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from shared.evaluation import reports
from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.retrieval.data.class_sets import CLASS_SETS
from shared.retrieval.lifelong.lesson import Lesson, LessonSettings, teach
from shared.retrieval.lifelong.memory import Learner
from shared.retrieval.lifelong.methods import METHODS, ImportanceKind, Method
from shared.retrieval.lifelong.protocol import (
    Vectors,
    class_groups,
    lesson_views,
    retrieval_figures,
    sequence_figures,
)
from shared.retrieval.lifelong.teacher import embed
from shared.retrieval.lifelong.training.cache import CachedSet, read_cached
from shared.retrieval.lifelong.training.network import imagenet_network

MODULE = "shared.retrieval.benchmark lifelong"
JOINT = "joint"
DIMS = 512
#: Steps of the first lesson, and of a later one for each of its classes.
FIRST_STEPS, STEPS_PER_CLASS = 250, 6
MIN_STEPS, MAX_STEPS = 120, 150
#: Weights of the pair loss and of the cross-entropy of the classes in a lesson.
OBJECTIVES = {"both": (1.0, 1.0), "pairs": (1.0, 0.0), "labels": (0.0, 1.0)}


@dataclass(frozen=True, eq=False)
class Protocol:
    """Lessons of one run.

    Attributes:
        cached: Maps of the data set.
        groups: Classes of each lesson.
        settings: Settings of the first lesson.
    """

    cached: CachedSet
    groups: Sequence[np.ndarray]
    settings: LessonSettings

    @property
    def old(self) -> np.ndarray:
        """Classes of the first lesson."""
        return self.groups[0]

    @property
    def new(self) -> np.ndarray:
        """Classes of the later lessons."""
        return np.concatenate(self.groups[1:])

    @property
    def order(self) -> np.ndarray:
        """All classes in the order of their lessons, which is that of the classifier's outputs."""
        return np.concatenate(self.groups)

    def first_learner(
        self, groups: Sequence[np.ndarray], steps: int, kinds: tuple[ImportanceKind, ...]
    ) -> Learner:
        """Return a network after one lesson of some groups."""
        classes = np.concatenate(groups)
        network = imagenet_network(classes=len(classes), dims=DIMS, seed=self.settings.seed)
        views = lesson_views(self.cached.train, classes, 0)
        settings = replace(self.settings, steps=steps)
        lesson = Lesson(views, tuple(map(str, classes)), METHODS["finetune"], settings, kinds)
        return teach(Learner(network), lesson)

    def describe(self, network: EmbeddingNetwork) -> Vectors:
        """Return the test images as a network describes them."""
        test = self.cached.test
        return Vectors(embed(network, test.maps[:, 0]).unit.numpy(), test.labels.numpy())

    def classify(self, network: EmbeddingNetwork) -> dict[str, float]:
        """Return the accuracy of the classifier on the old classes, among all classes and among these."""
        test = self.cached.test
        rows = torch.isin(test.labels, torch.from_numpy(self.old))
        logits = embed(network, test.maps[rows, 0]).logits.numpy()
        right = self.order[logits.argmax(1)] == test.labels[rows].numpy()
        within = self.order[logits[:, : len(self.old)].argmax(1)] == test.labels[rows].numpy()
        return {"old_top1": float(right.mean()), "old_top1_among_old": float(within.mean())}


def lesson_steps(classes: int) -> int:
    """Return the optimizer steps of a later lesson."""
    return min(max(STEPS_PER_CLASS * classes, MIN_STEPS), MAX_STEPS)


def run(protocol: Protocol, methods: Sequence[str]) -> dict[str, dict[str, float]]:
    """Run all lessons by every method.

    Args:
        protocol: The lessons.
        methods: Names of methods, and `joint`.

    Returns:
        Figures by method, and those of `initial`.
    """
    used = (METHODS[name].importance for name in methods if name in METHODS)
    kinds = tuple(dict.fromkeys(kind for kind in used if kind is not None))
    base = protocol.first_learner([protocol.old], FIRST_STEPS, kinds)
    first = protocol.describe(base.network)
    part = first.part(np.isin(first.targets, protocol.old))
    initial = {f"old_{key}": value for key, value in retrieval_figures(part, part).items()}
    figures = {"initial": initial | protocol.classify(base.network)}
    for name in methods:
        if name == JOINT:
            steps = FIRST_STEPS + sum(lesson_steps(len(group)) for group in protocol.groups[1:])
            network = protocol.first_learner(protocol.groups, steps, ()).network
            gallery = protocol.describe(network)
        else:
            network, gallery = _teach_all(protocol, METHODS[name], base, first)
        vectors = protocol.describe(network)
        figures[name] = sequence_figures(vectors, first, gallery, protocol.old, protocol.new)
        figures[name] |= protocol.classify(network)
    return figures


def _teach_all(
    protocol: Protocol, method: Method, learner: Learner, first: Vectors
) -> tuple[EmbeddingNetwork, Vectors]:
    """Return the network after all lessons, and the test images as described right after their lessons."""
    gallery = first.unit.copy()
    kinds = (method.importance,) if method.importance else ()
    for group in protocol.groups[1:]:
        views = lesson_views(protocol.cached.train, group, len(learner.memory.classes))
        settings = replace(protocol.settings, steps=lesson_steps(len(group)))
        learner = teach(learner, Lesson(views, tuple(map(str, group)), method, settings, kinds))
        rows = np.isin(first.targets, group)
        gallery[rows] = protocol.describe(learner.network).unit[rows]
    return learner.network, Vectors(gallery, first.targets)


def average(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Return mean over seeds and standard deviation, the latter not for recall@2, 4 and 8."""
    rows: dict[str, dict[str, float]] = {}
    for name in runs[0]:
        rows[name] = {}
        for metric in runs[0][name]:
            values = [figures[name][metric] for figures in runs]
            rows[name][metric] = float(np.mean(values))
            if len(values) > 1 and not metric.endswith(("@2", "@4", "@8")):
                rows[name][f"{metric}_std"] = float(np.std(values, ddof=1))
    return rows


def _split_name(sizes: Sequence[int], seeds: int, objective: str) -> str:
    """Return a few words about the lessons.

    >>> _split_name((9, 8), 3, "both")
    '9+8 classes, 3 seeds'
    """
    text = f"{'+'.join(map(str, sizes))} classes, {seeds} seeds"
    return text if objective == "both" else f"{text}, {objective} alone"


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Teach new classes without the old images, by every method.", MODULE)
    parser.add_argument("--set", choices=list(CLASS_SETS), required=True, help="data set in --data")
    parser.add_argument("--lessons", choices=("one", "several"), default="one", help="protocol (%(default)s)")
    parser.add_argument(
        "--objective",
        choices=list(OBJECTIVES),
        default="both",
        help="loss of the classes of a lesson: of retrieval, of classification, or both (%(default)s)",
    )
    parser.add_argument("--methods", nargs="+", choices=[*METHODS, JOINT], default=[*METHODS, JOINT])
    parser.add_argument("--seeds", type=reports.positive_int, default=3, help="number of runs (%(default)s)")
    parser.add_argument("--cache", type=Path, help="folder in which the maps of the images are kept")
    options = parser.parse_args(arguments)
    rows = CLASS_SETS[options.set]
    try:
        cached = read_cached(options.set, options.data, options.cache, limit=options.limit)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    sizes = rows.one_step if options.lessons == "one" else rows.steps
    started = time.perf_counter()
    runs = []
    for seed in range(options.seeds):
        count = int(cached.train.labels.max()) + 1
        order = np.arange(count) if rows.fixed_order else np.random.default_rng(seed).permutation(count)
        pairs, labels = OBJECTIVES[options.objective]
        settings = LessonSettings(steps=FIRST_STEPS, seed=seed, pairs=pairs, labels=labels)
        runs.append(run(Protocol(cached, class_groups(order.tolist(), sizes), settings), options.methods))
        print(f"seed {seed}: {time.perf_counter() - started:.0f} s", flush=True)
    report = reports.Report(
        benchmark="lifelong",
        data=rows.title,
        split=_split_name(sizes, options.seeds, options.objective),
        items=len(cached.test),
        weights="EfficientNet-Lite0",
        metrics=average(runs),
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)
