"""Products with words: several sets as one, what can be said of a product without naming it, and figures."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from shared.crossmodal.benchmarks.recall import shared_text_metrics
from shared.crossmodal.data.datasets import CaptionedImages
from shared.crossmodal.text.tokenizer import split_words
from shared.networks.jmc import JMC

#: The class of what belongs to no set.
NEITHER = "something else"
#: Words that share so many first letters are one word in two forms.
STEM = 4


def remove_class_names(text: str, names: Iterable[str]) -> str:
    """A text without the words of some names, in whatever form they take.

    A word is left out when it begins as a word of a name does (four letters; all of them, if it has fewer).
    So are single letters, which are what is left of a T-shirt.

    >>> remove_class_names("Red Tape Men's Leather Belts and a T-shirt", ["belt", "shirts"])
    'red tape mens leather and'
    """
    starts = {word[:STEM] for name in names for word in split_words(name)}
    return " ".join(word for word in split_words(text) if len(word) > 1 and word[:STEM] not in starts)


def text_variants(data: CaptionedImages, root: str | Path) -> dict[str, list[str]]:
    """What a visitor may write about each product: kinds of words, a text for each photo.

    Returns:
        `all words`: the text that says most, a grocery's description or a garment's name. `names hidden`: the
        same without any word of any class of the set. `sort`, for groceries alone: one word such as "apple",
        which many classes share.
    """
    last = np.searchsorted(data.owners, np.arange(len(data.photos)), side="right") - 1
    coarse = _coarse(root)
    # A garment's last text holds its class; the first is what the shop calls it.
    full = [data.texts[place if coarse else place - 1] for place in last]
    kinds = {"all words": full, "names hidden": [remove_class_names(text, data.class_names) for text in full]}
    if coarse:
        kinds["sort"] = [coarse[target] for target in data.classes.tolist()]
    return kinds


def product_metrics(
    head: JMC,
    images: np.ndarray,
    data: CaptionedImages,
    vectors: Mapping[str, np.ndarray],
    *,
    kinds: Mapping[str, Sequence[str]],
    first: int,
) -> dict[str, dict[str, float]]:
    """Matching and classification of one set.

    Args:
        head: In eval mode.
        images: Vectors `[N, D]` of the pictures.
        data: The set.
        vectors: Of all texts in `data` and `kinds`.
        kinds: From `text_variants`.
        first: The set's first class among those that the head knows.

    Returns:
        For each kind of words `top1_text` and `top1_both`; under `pictures` `top1_image`, and what
        `shared_text_metrics` has for the set's own texts. A class of another set is wrong; whether it
        is any of the classes is another question.
    """
    device = next(head.parameters()).device
    distinct, relevant = data.distinct()

    def right(**given: np.ndarray) -> float:
        logits = head.classify(**{name: torch.from_numpy(one).to(device) for name, one in given.items()})
        return float((logits[:, :-1].argmax(1).cpu().numpy() == data.classes + first).mean())

    found = {
        "pictures": shared_text_metrics(images @ np.stack([vectors[text] for text in distinct]).T, relevant)
    }
    found["pictures"]["top1_image"] = right(image=images)
    for name, words in kinds.items():
        own = np.stack([vectors[text] for text in words])
        found[name] = {"top1_text": right(text=own), "top1_both": right(image=images, text=own)}
    return found


def _coarse(root: str | Path) -> dict[int, str]:
    """The coarse class of each class of the Grocery Store set, as a word; nothing for other sets."""
    path = Path(root) / "classes.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    return {
        int(row["class_id"]): row["coarse"].replace("-", " ").lower() for row in rows if row.get("coarse")
    }
