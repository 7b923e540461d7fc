"""mAP of descriptors on Oxford5k or Paris6k, with the original or, by `--difficulty`, the revisited protocol.

The query is the part of its image in the box, as both protocols demand. Average precision is integrated by
trapezoids, as in the authors' programs.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence

from shared.evaluation import reports
from shared.retrieval.benchmarks.instances import InstanceBenchmark
from shared.retrieval.data.instances import RetrievalSet
from shared.retrieval.data.landmarks import DIFFICULTIES, read_landmarks, read_revisited

#: Original protocol: Liu et al., "DeepIndex for accurate and efficient image retrieval", ICMR 2015.
PUBLISHED: Mapping[str, reports.Figures] = {"Paris6k": {"DeepIndex": {"mAP": 0.8124}}}


def read(options: argparse.Namespace) -> RetrievalSet:
    """List the set with the protocol that the options select."""
    if options.difficulty:
        return read_revisited(options.data, options.difficulty)
    return read_landmarks(options.data)


LANDMARKS = InstanceBenchmark(
    name="landmarks",
    description="Compare descriptors on buildings.",
    read=read,
    published=lambda data: PUBLISHED.get(data.name, {}),
    add_arguments=lambda parser: parser.add_argument(
        "--difficulty", choices=list(DIFFICULTIES), help="take the revisited protocol"
    ),
)


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    return LANDMARKS.run(arguments)
