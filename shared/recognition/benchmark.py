"""The benchmarks of recognition: `python -m shared.recognition.benchmark NAME`, one of `PROTOCOLS`.

Each has its own options (`--help`) and prints a table; `--json FILE` keeps the report for a model card.
"""

from functools import partial

from shared.evaluation.reports import run_benchmark

#: Name of a module of `shared.recognition.benchmarks`, and what it measures.
PROTOCOLS = {
    "agreement": "the classifier beside its teacher, on photos kept aside",
    "accuracy": "the classifier on labelled photos, and its calibration",
    "familiarity": "when a photo is unlike all that was trained on",
    "fusion": "ways to fuse branches, trained and compared on CIFAR",
    "transfer": "plain and fused features on other data sets",
    "segmentation": "mean IoU and boundary F of a segmenter",
    "explain": "deletion and insertion, and the test of random weights",
    "speed": "whole calls, from picture to result",
}

main = partial(run_benchmark, "recognition", PROTOCOLS)

if __name__ == "__main__":
    main()
