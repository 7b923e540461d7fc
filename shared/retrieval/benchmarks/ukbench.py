"""N-S and mAP on the University of Kentucky benchmark; each photo is a query and belongs to what it finds."""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation import reports
from shared.retrieval.benchmarks.instances import measure
from shared.retrieval.data.instances import read_ukbench

MODULE = "shared.retrieval.benchmark ukbench"

#: On all 10,200 photos: Liu et al., "DeepIndex for accurate and efficient image retrieval", ICMR 2015.
PUBLISHED = {"DeepIndex": {"N-S": 3.76}}


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    return measure(
        "Compare descriptors on UKBench.",
        MODULE,
        "ukbench",
        lambda options: read_ukbench(options.data),
        arguments,
        published=lambda data: PUBLISHED if len(data.photos) == 10200 else {},
        n_s=True,
    )
