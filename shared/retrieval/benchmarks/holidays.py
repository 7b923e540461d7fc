"""mAP of descriptors on INRIA Holidays, whole or in part.

The measure is that of the authors' program `holidays_map.py`: the query is left out of its own ranking, and
average precision is integrated by trapezoids. Figures on a part of the set are not comparable with those on
all 1,491 images, since it has fewer distractors.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation import reports
from shared.retrieval.benchmarks.instances import InstanceBenchmark
from shared.retrieval.data.instances import read_holidays

#: On all 1,491 images: Liu et al., "DeepIndex for accurate and efficient image retrieval", ICMR 2015.
PUBLISHED = {"DeepIndex": {"mAP": 0.8565}}

HOLIDAYS = InstanceBenchmark(
    name="holidays",
    description="Compare descriptors on INRIA Holidays.",
    read=lambda options: read_holidays(options.data),
    published=lambda data: PUBLISHED if len(data.images) == 1491 else {},
)


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    return HOLIDAYS.run(arguments)
