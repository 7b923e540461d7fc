"""Sentences about photos, against those of people: BLEU-4, CIDEr-D, and right first sentences.

`first written` is the likeliest sentence that the decoder writes; `described` the first one of a description,
which the joint spaces choose among all that it writes, names and built-in sentences.
`right` is the fraction of first sentences that are right as in `shared.crossmodal.benchmarks.describe`;
`words` is the mean length.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from shared.core.weights import WeightsError
from shared.crossmodal.benchmarks.caption_metrics import bleu4, cider
from shared.crossmodal.benchmarks.describe import first_sentences, is_right
from shared.crossmodal.benchmarks.embedding import image_features
from shared.crossmodal.data.datasets import SPLITS, CaptionedImages, read_coco, read_flickr8k
from shared.crossmodal.embedders.combined import CombinedEmbedder
from shared.crossmodal.engines import CAPTION_WEIGHTS, OPEN_WEIGHTS
from shared.evaluation import reports

MODULE = "shared.crossmodal.benchmark captions"


def caption_figures(sentences: Sequence[str], data: CaptionedImages) -> dict[str, float]:
    """Compute the figures of a sentence for each image."""
    references: list[list[str]] = [[] for _ in data.images]
    for text, index in zip(data.texts, data.image_index.tolist(), strict=True):
        references[index].append(text)
    right = [is_right(sentence, texts) for sentence, texts in zip(sentences, references, strict=True)]
    return {
        "BLEU-4": bleu4(sentences, references),
        "CIDEr": cider(sentences, references),
        "right": float(np.mean(right)),
        "words": float(np.mean([len(sentence.split()) for sentence in sentences])),
    }


def main(arguments: Sequence[str] | None = None) -> reports.Report:
    """Run the benchmark from the command line."""
    parser = reports.benchmark_parser("Compare written sentences with those of people.", MODULE)
    parser.add_argument("--coco", metavar="DIR", help="root folder of COCO; --data is that of Flickr8k")
    parser.add_argument("--split", choices=SPLITS, default="test", help="(%(default)s)")
    options = parser.parse_args(arguments)
    try:
        parts = [read_flickr8k(options.data, options.split).head(options.limit)]
        if options.coco:
            parts.append(read_coco(options.coco, options.split).head(options.limit))
        embedder = CombinedEmbedder.load(OPEN_WEIGHTS)
    except (FileNotFoundError, ValueError, WeightsError) as error:
        parser.error(str(error))
    started = time.perf_counter()
    metrics = {}
    for data in parts:
        features = image_features(embedder, data)
        written = [embedder.write_sentences(row)[0].text for row in features]
        metrics[f"{data.name}, first written"] = caption_figures(written, data)
        described = [first.text for first in first_sentences(embedder, features)]
        metrics[f"{data.name}, described"] = caption_figures(described, data)
    return reports.finish(
        reports.Report(
            benchmark="captions",
            data=" and ".join(data.name for data in parts),
            split=options.split,
            items=sum(len(data.images) for data in parts),
            weights=options.weights or CAPTION_WEIGHTS,
            metrics=metrics,
            seconds=time.perf_counter() - started,
            command=reports.command_line(MODULE, arguments),
        ),
        options.json,
    )
