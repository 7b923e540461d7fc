"""mAP on INRIA Holidays, whole or in part: which descriptor finds the other photos of a scene.

The measure is that of the authors' program `holidays_map.py`: the query is left out of its own list, and
average precision is taken by trapezoids. Figures on a part of the set cannot be compared with those on all
1,491 photos, since there is less to confuse a photo with.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation import reports
from shared.retrieval.benchmarks.instances import measure
from shared.retrieval.data.instances import read_holidays

MODULE = "shared.retrieval.benchmark holidays"

#: On all 1,491 photos: Liu et al., "DeepIndex for accurate and efficient image retrieval", ICMR 2015.
PUBLISHED = {"DeepIndex": {"mAP": 0.8565}}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    return measure(
        "Compare descriptors on INRIA Holidays.",
        MODULE,
        "holidays",
        lambda options: read_holidays(options.data),
        arguments,
        published=lambda data: PUBLISHED if len(data.photos) == 1491 else {},
    )
