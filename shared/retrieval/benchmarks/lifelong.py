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
from dataclasses import replace
from pathlib import Path

import numpy as np

from shared.evaluation import reports
from shared.networks.lifelong.embedder import EmbeddingNetwork
from shared.retrieval.data.class_sets import CLASS_SETS
from shared.retrieval.lifelong.lesson import Lesson, LessonSettings, teach
from shared.retrieval.lifelong.memory import Learner
from shared.retrieval.lifelong.methods import METHODS, Method
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
from shared.retrieval.lifelong.views import Views

MODULE = "shared.retrieval.benchmark lifelong"
JOINT = "joint"
DIMS = 512
#: Steps of the first lesson, and of a later one for each of its classes.
FIRST_STEPS, STEPS_PER_CLASS = 400, 6
MIN_STEPS, MAX_STEPS = 40, 200


def describe(network: EmbeddingNetwork, test: Views) -> Vectors:
    """Return the test images as a network describes them."""
    return Vectors(embed(network, test.maps[:, 0]).unit.numpy(), test.labels.numpy())


def lesson_steps(classes: int) -> int:
    """Return the optimizer steps of a later lesson."""
    return min(max(STEPS_PER_CLASS * classes, MIN_STEPS), MAX_STEPS)


def run(
    cached: CachedSet, sizes: Sequence[int], methods: Sequence[str], seed: int, *, fixed_order: bool
) -> dict[str, dict[str, float]]:
    """Run all lessons by every method.

    Args:
        cached: Maps of the data set.
        sizes: Number of classes of each lesson.
        methods: Names of methods, and `joint`.
        seed: Seed of the order of the classes and of the training.
        fixed_order: True keeps the order of the classes.

    Returns:
        Figures by method, and those of `initial`.
    """
    count = int(cached.train.labels.max()) + 1
    order = np.arange(count) if fixed_order else np.random.default_rng(seed).permutation(count)
    groups = class_groups(order.tolist(), sizes)
    old, new = groups[0], np.concatenate(groups[1:])
    start = imagenet_network(classes=len(old), dims=DIMS, seed=seed)
    settings = LessonSettings(steps=FIRST_STEPS, seed=seed)
    used = (METHODS[name].importance for name in methods if name in METHODS)
    kinds = tuple(dict.fromkeys(kind for kind in used if kind is not None))
    names = tuple(str(label) for label in old)
    views = lesson_views(cached.train, old, 0)
    base = teach(Learner(start), Lesson(views, names, METHODS["finetune"], settings, kinds))
    first = describe(base.network, cached.test)
    is_old = np.isin(first.targets, old)
    initial = retrieval_figures(first.part(is_old), first.part(is_old))
    figures = {"initial": {f"old_{key}": value for key, value in initial.items()}}
    for name in methods:
        if name == JOINT:
            network = imagenet_network(classes=len(order), dims=DIMS, seed=seed)
            steps = FIRST_STEPS + sum(lesson_steps(len(group)) for group in groups[1:])
            views = lesson_views(cached.train, np.concatenate(groups), 0)
            lesson = Lesson(
                views, tuple(map(str, order)), METHODS["finetune"], replace(settings, steps=steps)
            )
            vectors = describe(teach(Learner(network), lesson).network, cached.test)
            figures[name] = sequence_figures(vectors, first, vectors, old, new)
            continue
        figures[name] = _run_method(METHODS[name], base, cached, groups, first, settings)
    return figures


def _run_method(
    method: Method,
    learner: Learner,
    cached: CachedSet,
    groups: Sequence[np.ndarray],
    first: Vectors,
    settings: LessonSettings,
) -> dict[str, float]:
    """Return the figures of one method after all lessons that follow the first."""
    gallery = first.unit.copy()
    kinds = (method.importance,) if method.importance else ()
    vectors = first
    for group in groups[1:]:
        views = lesson_views(cached.train, group, len(learner.memory.classes))
        names = tuple(str(label) for label in group)
        steps = replace(settings, steps=lesson_steps(len(group)))
        learner = teach(learner, Lesson(views, names, method, steps, kinds))
        vectors = describe(learner.network, cached.test)
        taught = np.isin(vectors.targets, group)
        gallery[taught] = vectors.unit[taught]
    old, new = groups[0], np.concatenate(groups[1:])
    return sequence_figures(vectors, first, Vectors(gallery, vectors.targets), old, new)


def average(runs: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Return mean and standard deviation over seeds."""
    rows: dict[str, dict[str, float]] = {}
    for name in runs[0]:
        rows[name] = {}
        for metric in runs[0][name]:
            values = [figures[name][metric] for figures in runs]
            rows[name][metric] = float(np.mean(values))
            if len(values) > 1:
                rows[name][f"{metric}_std"] = float(np.std(values, ddof=1))
    return rows


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Teach new classes without the old images, by every method.", MODULE)
    parser.add_argument("--set", choices=list(CLASS_SETS), required=True, help="data set in --data")
    parser.add_argument("--lessons", choices=("one", "several"), default="one", help="protocol (%(default)s)")
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
        runs.append(run(cached, sizes, options.methods, seed, fixed_order=rows.fixed_order))
        print(f"seed {seed}: {time.perf_counter() - started:.0f} s", flush=True)
    report = reports.Report(
        benchmark="lifelong",
        data=rows.title,
        split=f"{'+'.join(map(str, sizes))} classes, {options.seeds} seeds",
        items=len(cached.test),
        weights="EfficientNet-Lite0",
        metrics=average(runs),
        seconds=time.perf_counter() - started,
        command=reports.command_line(MODULE, arguments),
    )
    return reports.finish(report, options.json)
