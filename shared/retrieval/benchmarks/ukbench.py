"""N-S and mAP of descriptors on the University of Kentucky benchmark."""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation import reports
from shared.retrieval.benchmarks.instances import InstanceBenchmark
from shared.retrieval.data.instances import read_ukbench

#: On all 10,200 images: Liu et al., "DeepIndex for accurate and efficient image retrieval", ICMR 2015.
PUBLISHED = {"DeepIndex": {"N-S": 3.76}}

UKBENCH = InstanceBenchmark(
    name="ukbench",
    description="Compare descriptors on UKBench.",
    read=lambda options: read_ukbench(options.data),
    published=lambda data: PUBLISHED if len(data.images) == 10200 else {},
    n_s=True,
)


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    return UKBENCH.run(arguments)
