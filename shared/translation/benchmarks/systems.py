"""Systems of one task over several seeds: `python -m shared.translation.benchmark systems`.

`--runs DIR` holds the runs of `shared.translation.train gan`, `DIR/SET-SYSTEM-SEED`. The figures are those of
the task's own benchmark (`facades`, `streets`, `faces`): means over the seeds, and below them standard
deviations (of a sample, with N - 1).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from shared.evaluation import reports
from shared.translation.benchmarks import facades, faces, streets
from shared.translation.benchmarks.label_scores import TranslatorScores
from shared.translation.data.pairs import Pair, read_pairs
from shared.translation.tasks import TASKS, Task
from shared.translation.training.gan import SYSTEMS
from shared.translation.translator import Translator

MODULE = "shared.translation.benchmark systems"
LABELS = {"facades": facades.BENCHMARK, "streets": streets.BENCHMARK}


def mean_and_deviation(
    rows: Sequence[Mapping[str, float]],
) -> tuple[dict[str, float], dict[str, float]]:
    """Return the mean and the standard deviation of every figure over the rows, at least two.

    >>> mean_and_deviation([{"mIoU": 0.25}, {"mIoU": 0.75}])[0]
    {'mIoU': 0.5}
    """
    values = {name: [row[name] for row in rows] for name in rows[0]}
    means = {name: float(np.mean(column)) for name, column in values.items()}
    return means, {name: float(np.std(column, ddof=1)) for name, column in values.items()}


def scores(
    task: Task, pairs: Sequence[Pair], segmenter: str | None
) -> Callable[[Translator], dict[str, float]]:
    """Return the function that scores a translator as the benchmark of its task does.

    Args:
        task: The task.
        pairs: Pairs to score on.
        segmenter: Name or folder of the segmenter of generated photos; by default that of the benchmark.

    Raises:
        ValueError: The benchmark has no segmenter.
    """
    if task.first_palette is None:
        return faces.TranslatorScores(pairs)
    segmenter = segmenter or LABELS[task.name].segmenter
    if segmenter is None:
        raise ValueError(f"the set {task.name} needs --segmenter")
    return TranslatorScores(pairs, task.first_palette, segmenter)


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Compare the systems of a task over several seeds.", MODULE)
    add = parser.add_argument
    add("--set", choices=sorted(TASKS), required=True, help="data set and task")
    add("--runs", type=Path, required=True, metavar="DIR", help="folder of the runs, DIR/SET-SYSTEM-SEED")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    add("--split", default="test", help="train, val or test (%(default)s)")
    add("--segmenter", metavar="NAME", help="weights that score generated photos, by name or folder")
    options = parser.parse_args(arguments)
    task = TASKS[options.set]
    try:
        folders = _folders(options)
        sources = read_pairs(task, options.data, options.split)
        pairs = [source() for source in sources[: options.limit]]
        score = scores(task, pairs, options.segmenter)
    except (FileNotFoundError, ValueError) as error:
        parser.error(str(error))
    started = time.perf_counter()
    metrics = {}
    for system, runs in folders.items():
        rows = [score(Translator.load(f"{task.name}-{system}", folder=run / "weights")) for run in runs]
        metrics[system], metrics[f"{system}, deviation"] = mean_and_deviation(rows)
    return reports.finish(
        reports.Report(
            benchmark="systems over seeds",
            data=LABELS[task.name].data if task.name in LABELS else faces.DATA,
            split=f"{options.split}, {len(options.seeds)} seeds",
            items=len(pairs),
            weights=", ".join(folders),
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(sources),
        ),
        options.json,
    )


def _folders(options: argparse.Namespace) -> dict[str, list[Path]]:
    """Return the folders of the runs by system.

    Raises:
        ValueError: There are fewer than two seeds.
        FileNotFoundError: A run has no weights.
    """
    if len(options.seeds) < 2:
        raise ValueError("a deviation needs at least two seeds")
    folders = {
        system: [options.runs / f"{options.set}-{system}-{seed}" for seed in options.seeds]
        for system in SYSTEMS
    }
    missing = [run.name for runs in folders.values() for run in runs if not (run / "weights").is_dir()]
    if missing:
        raise FileNotFoundError(f"no weights in {options.runs} of {', '.join(missing)}")
    return folders
