"""Train JMC on products with texts: `python -m shared.crossmodal.train_jmc --data NAME=FOLDER ...`.

1. Matching: contrastive and bi-rank loss between images and texts.
2. Classification: the classifier alone, on frozen embeddings.
3. Joint training: the matching loss and `--classify` times the classification loss.

`--recipe matching` and `--recipe classification` train for as many steps with one of both losses alone, for
comparison. Images and sentences of `--outliers` belong to no class; the classifier learns to recognise them,
and no embedding learns from them. For speed, and for more variety from few images, a step reads one sentence
of a text, or a few words, and `--regions` of an image's regions.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from shared.crossmodal.training.products.arguments import product_parser
from shared.crossmodal.training.products.training import ProductTraining


def main(arguments: Sequence[str] | None = None) -> Path:
    """Run the training from the command line and return the weight folder."""
    return ProductTraining(product_parser(__doc__).parse_args(arguments)).run()


if __name__ == "__main__":
    main()
