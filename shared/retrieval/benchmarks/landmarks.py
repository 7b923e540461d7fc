"""mAP on Oxford5k or Paris6k, by the old protocol or, with `--difficulty`, by the revisited one.

The query is the part of its photo that lies in its box, as both protocols ask. Average precision is taken by
trapezoids, as the authors' programs do.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from shared.evaluation import reports
from shared.retrieval.benchmarks.instances import measure
from shared.retrieval.data.instances import RetrievalSet
from shared.retrieval.data.landmarks import DIFFICULTIES, read_landmarks, read_revisited

MODULE = "shared.retrieval.benchmark landmarks"

#: By the old protocol: Liu et al., "DeepIndex for accurate and efficient image retrieval", ICMR 2015.
PUBLISHED = {"Paris6k": {"DeepIndex": {"mAP": 0.8124}}}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    return measure(
        "Compare descriptors on buildings.",
        MODULE,
        "landmarks",
        _read,
        arguments,
        published=lambda data: PUBLISHED.get(data.name, {}),
        options=lambda parser: parser.add_argument(
            "--difficulty", choices=list(DIFFICULTIES), help="take the revisited protocol"
        ),
    )


def _read(options: argparse.Namespace) -> RetrievalSet:
    if options.difficulty:
        return read_revisited(options.data, options.difficulty)
    return read_landmarks(options.data)
