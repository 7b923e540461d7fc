"""Agreement of joints with those on which public networks agree.

    python -m shared.restyle.benchmark pose --data EXAMPLES

The examples are written by `python -m shared.restyle.train pose-labels`. `PCK@0.1` is the share of their
visible joints that lie within a tenth of the torso, from a shoulder to the hip across (Yang and Ramanan,
"Articulated Human Detection with Flexible Mixtures of Parts", PAMI 2013).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core.images import Box
from shared.evaluation import reports
from shared.restyle.pose.estimator import PoseEstimator
from shared.restyle.pose.training.examples import PoseExample, read_examples
from shared.restyle.pose.training.teachers import VISIBLE, Joints

MODULE = "shared.restyle.benchmark pose"
TORSO = ((5, 12), (6, 11))  # shoulders and the hips across
GROUPS = {
    "head": range(0, 5),
    "shoulders": range(5, 7),
    "elbows": range(7, 9),
    "wrists": range(9, 11),
    "hips": range(11, 13),
    "knees": range(13, 15),
    "ankles": range(15, 17),
}


def torso_of(joints: Joints) -> float:
    """Return the length of the torso in pixels; of a person without one, a quarter of the box's height."""
    lengths = [
        float(np.linalg.norm(joints.points[a] - joints.points[b]))
        for a, b in TORSO
        if joints.states[a] == VISIBLE and joints.states[b] == VISIBLE
    ]
    return max(lengths, default=(joints.box[3] - joints.box[1]) / 4)


def evaluate(
    estimator: PoseEstimator, examples: Sequence[PoseExample], whole: bool = False
) -> dict[str, float]:
    """Return `PCK@0.1`, `PCK@0.2`, and `PCK@0.1` by group of joints.

    Args:
        estimator: Predictor.
        examples: Photos with joints.
        whole: True to search the whole photo in place of the box of the person.
    """
    rows = []
    for example in tqdm(examples, unit="photo", mininterval=10, leave=False):
        box: Box | None = None if whole else example.joints.box
        pose = estimator(example.image, box)
        located = np.array([[joint.x, joint.y] for joint in pose.joints])
        distance = np.linalg.norm(located - example.joints.points, axis=1) / torso_of(example.joints)
        rows.append(np.where(example.joints.states == VISIBLE, distance, np.nan))
    table = np.array(rows)
    return {
        **{f"PCK@{limit}": _share(table, limit) for limit in (0.1, 0.2)},
        **{f"PCK@0.1_{name}": _share(table[:, [*indices]], 0.1) for name, indices in GROUPS.items()},
    }


def _share(table: np.ndarray, limit: float) -> float:
    labelled = ~np.isnan(table)
    return float((table[labelled] <= limit).mean()) if labelled.any() else float("nan")


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser(
        "Compare joints with public networks.", MODULE, weights=PoseEstimator.WEIGHTS
    )
    parser.add_argument("--name", default="photos", help="name of the data in the report (%(default)s)")
    parser.add_argument("--whole", action="store_true", help="search the whole photo, not the person's box")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    available = read_examples(options.data)
    folder = Path(options.weights) if Path(options.weights).is_dir() else None
    estimator = PoseEstimator.load(
        options.weights if folder is None else PoseEstimator.WEIGHTS, folder=folder
    )
    examples = available[: options.limit]
    return reports.finish(
        reports.Report(
            benchmark="joints, whole photo" if options.whole else "joints",
            data=options.name,
            split="test",
            items=len(examples),
            weights=Path(options.weights).name,
            metrics=evaluate(estimator, examples, options.whole),
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
            available=len(available),
        ),
        options.json,
    )
