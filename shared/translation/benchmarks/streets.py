"""Label drawings and photos of streets, Cityscapes: `python -m shared.translation.benchmark streets`.

`--segmenter` names the weights that `shared.translation.train segmenter` makes in a few minutes.
"""

from __future__ import annotations

from collections.abc import Sequence

from shared.evaluation.reports import Report
from shared.translation.benchmarks.label_scores import LabelBenchmark, run_label_benchmark

# Tables 1 to 5 of Zhu et al., ICCV 2017; the photos' segmenter is an FCN-8s of theirs.
PUBLISHED = {
    "CycleGAN": {
        "labels_pixel_accuracy": 0.58,
        "labels_class_accuracy": 0.22,
        "labels_mIoU": 0.16,
        "photos_pixel_accuracy": 0.52,
        "photos_class_accuracy": 0.17,
        "photos_mIoU": 0.11,
    },
    "pix2pix": {
        "labels_pixel_accuracy": 0.85,
        "labels_class_accuracy": 0.40,
        "labels_mIoU": 0.32,
        "photos_pixel_accuracy": 0.71,
        "photos_class_accuracy": 0.25,
        "photos_mIoU": 0.18,
    },
    "real photos, FCN-8s": {
        "photos_pixel_accuracy": 0.80,
        "photos_class_accuracy": 0.26,
        "photos_mIoU": 0.21,
    },
}

BENCHMARK = LabelBenchmark(
    task="streets",
    data="Cityscapes, 256 pixels",
    published=PUBLISHED,
)


def main(arguments: Sequence[str] | None = None) -> Report:
    """Run the benchmark from the command line."""
    return run_label_benchmark(BENCHMARK, arguments)
