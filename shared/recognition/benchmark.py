"""The benchmarks of recognition, one command each:

python -m shared.recognition.benchmark agreement      the classifier beside its teacher, on photos kept aside
python -m shared.recognition.benchmark accuracy       the classifier on labelled photos, and its calibration
python -m shared.recognition.benchmark familiarity    when a photo is unlike all that was trained on
python -m shared.recognition.benchmark fusion         ways to fuse branches, trained and compared on CIFAR
python -m shared.recognition.benchmark transfer       plain and fused features on other data sets
python -m shared.recognition.benchmark segmentation   mean IoU and boundary F of a segmenter
python -m shared.recognition.benchmark explain        deletion and insertion, and the test of random weights
python -m shared.recognition.benchmark speed          whole calls, from picture to result

Each has its own options (`--help`) and prints a table; `--json FILE` keeps the report for a model card.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from shared.core.reports import Report

PROTOCOLS = (
    "agreement",
    "accuracy",
    "familiarity",
    "fusion",
    "transfer",
    "segmentation",
    "explain",
    "speed",
)


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run one of the benchmarks from the command line."""
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or [""]
    if name not in PROTOCOLS:
        raise SystemExit(__doc__)
    return importlib.import_module(f"shared.recognition.protocols.{name}").main(rest)


if __name__ == "__main__":
    main()
