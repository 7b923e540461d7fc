"""The benchmarks of retrieval: `python -m shared.retrieval.benchmark NAME`, one of `PROTOCOLS`.

Each has its own options (`--help`) and prints a table; `--json FILE` keeps the report for a model card.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

from shared.core.reports import Report

#: Name of a module of `shared.retrieval.protocols`, and what it measures.
PROTOCOLS = {
    "holidays": "descriptors on INRIA Holidays, whole or in part: mAP",
    "landmarks": "descriptors on Oxford5k and Paris6k, old and revisited: mAP",
    "ukbench": "descriptors on UKBench: N-S",
    "grocery": "photo to product picture, and the class of the nearest photo",
    "copies": "changed copies among photos without labels, for choosing settings",
    "scale": "the vector index at 10,000 to 1,000,000 pictures, beside plain faiss",
}


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run one of the benchmarks from the command line."""
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or [""]
    if name not in PROTOCOLS:
        lines = [f"python -m shared.retrieval.benchmark {key:<12}{text}" for key, text in PROTOCOLS.items()]
        raise SystemExit("\n".join(["The benchmarks of retrieval, one command each:", "", *lines]))
    return importlib.import_module(f"shared.retrieval.protocols.{name}").main(rest)


if __name__ == "__main__":
    main()
