"""Metrics of product matching and classification, with texts that say more or less about a product."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from shared.crossmodal.benchmarks.recall import shared_text_metrics
from shared.crossmodal.data.datasets import CaptionedImages
from shared.crossmodal.text.words import split_words
from shared.networks.crossmodal.jmc import JMC

#: Words with the same first letters, this many, count as forms of one word.
STEM_LENGTH = 4


@dataclass(frozen=True)
class ProductSet:
    """Split of a product data set, with variants of its texts.

    Attributes:
        data: Images, texts and classes.
        variants: Texts by variant, one for each image, from `text_variants`.
        first_class: Index of the data set's first class among all classes of the classifier.
    """

    data: CaptionedImages
    variants: Mapping[str, Sequence[str]]
    first_class: int

    @property
    def all_texts(self) -> tuple[str, ...]:
        """Texts of the data set and of all variants."""
        return (*self.data.texts, *(text for texts in self.variants.values() for text in texts))

    @property
    def targets(self) -> np.ndarray:
        """Class of each image among all classes of the classifier, int64 `[images]`."""
        assert self.data.classes is not None
        return self.data.classes + self.first_class


def remove_class_names(text: str, names: Iterable[str]) -> str:
    """Remove the words of class names from a text, in whatever inflection.

    A word is removed if it starts with the first `STEM_LENGTH` letters of a word of a name, or with all
    letters of a shorter one. Single letters are removed as well, such as what remains of a T-shirt.

    >>> remove_class_names("Red Tape Men's Leather Belts and a T-shirt", ["belt", "shirts"])
    'red tape mens leather and'
    """
    stems = {word[:STEM_LENGTH] for name in names for word in split_words(name)}
    return " ".join(word for word in split_words(text) if len(word) > 1 and word[:STEM_LENGTH] not in stems)


def text_variants(data: CaptionedImages, root: str | Path) -> dict[str, list[str]]:
    """Return texts that a visitor may write about each product, one for each image.

    Args:
        data: Grocery or fashion.
        root: Folder of the data set.

    Returns:
        `all words`: the longest text, the description of a grocery or the name of a garment. `names hidden`:
        the same without any word of a class name. `sort`, for groceries alone: one word such as "apple",
        which many classes share.
    """
    last = np.searchsorted(data.image_index, np.arange(len(data.images)), side="right") - 1
    coarse = _coarse_classes(root)
    # The last text of a garment contains its class; the first is the name that the shop gives it.
    full = [data.texts[index if coarse else index - 1] for index in last]
    variants = {
        "all words": full,
        "names hidden": [remove_class_names(text, data.class_names) for text in full],
    }
    if coarse and data.classes is not None:
        variants["sort"] = [coarse[target] for target in data.classes.tolist()]
    return variants


@torch.inference_mode()
def product_metrics(
    head: JMC, products: ProductSet, images: np.ndarray, vectors: Mapping[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Compute the metrics of matching and classification on one product set.

    Args:
        head: Head in eval mode.
        products: The product set.
        images: Vectors of its images, `[images, D]`.
        vectors: Vector of each of `products.all_texts`, `[D]`.

    Returns:
        Under `pictures` `top1_image` and `shared_text_metrics` of the data set's texts; under each text
        variant `top1_text` and `top1_both`. Classes of all data sets compete, but not the class of outliers.
    """
    device = next(head.parameters()).device
    targets = products.targets

    def top1(image: np.ndarray | None, text: np.ndarray | None) -> float:
        x, y = (None if part is None else torch.from_numpy(part).to(device) for part in (image, text))
        predicted = head.classify(x, y)[:, :-1].argmax(1).cpu().numpy()
        return float(np.mean(predicted == targets))

    distinct, relevant = products.data.distinct_texts()
    texts = np.stack([vectors[text] for text in distinct])
    metrics = {"pictures": shared_text_metrics(images @ texts.T, relevant)}
    metrics["pictures"]["top1_image"] = top1(images, None)
    for variant, variant_texts in products.variants.items():
        text = np.stack([vectors[item] for item in variant_texts])
        metrics[variant] = {"top1_text": top1(None, text), "top1_both": top1(images, text)}
    return metrics


def _coarse_classes(root: str | Path) -> dict[int, str]:
    """Return the coarse class of each class of the Grocery Store set as words; none for other data sets."""
    path = Path(root) / "classes.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        int(row["class_id"]): row["coarse"].replace("-", " ").lower() for row in rows if row.get("coarse")
    }
