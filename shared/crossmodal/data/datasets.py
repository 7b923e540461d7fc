"""Data sets of images with texts: photos with captions, groceries, fashion, and captions without photos."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from shared.core.image_files import ImageFile, read_images
from shared.crossmodal.text.words import split_words
from shared.training.datasets import read_grocery

SPLITS = ("train", "dev", "test")
#: Grocery and fashion call their development split `val`.
_VALIDATION = {"dev": "val"}


class MissingSplitError(FileNotFoundError):
    """Data set that exists, but has nothing in this split."""


@dataclass(frozen=True)
class CaptionedImages:
    """Images and the texts that describe them.

    Attributes:
        name: Name of the data set in reports.
        images: The images.
        texts: The texts of all images.
        image_index: Index of the image that each text describes, int64 `[texts]`, ascending.
        classes: Class of each image, int64 `[images]`; None without classes.
        class_names: Names of the classes.
    """

    name: str
    images: tuple[ImageFile, ...]
    texts: tuple[str, ...]
    image_index: np.ndarray
    classes: np.ndarray | None = None
    class_names: tuple[str, ...] = ()

    @cached_property
    def identities(self) -> np.ndarray:
        """Number that only images with the same texts share, int64 `[images]`."""
        texts_of: list[list[str]] = [[] for _ in self.images]
        for text, index in zip(self.texts, self.image_index.tolist(), strict=True):
            texts_of[index].append(text)
        numbers: dict[tuple[str, ...], int] = {}
        return np.array([numbers.setdefault(tuple(texts), len(numbers)) for texts in texts_of], np.int64)

    def distinct_texts(self) -> tuple[tuple[str, ...], np.ndarray]:
        """Return the distinct texts, and a mask of those that describe each image, bool `[images, texts]`."""
        numbers = {text: number for number, text in enumerate(dict.fromkeys(self.texts))}
        relevant = np.zeros((len(self.images), len(numbers)), bool)
        relevant[self.image_index, [numbers[text] for text in self.texts]] = True
        return tuple(numbers), relevant

    def first_texts(self) -> tuple[str, ...]:
        """Return the first text of each image."""
        positions = np.searchsorted(self.image_index, np.arange(len(self.images)))
        return tuple(self.texts[position] for position in positions)

    def head(self, limit: int | None) -> CaptionedImages:
        """Return the data set with its first images and their texts only; all of them for None."""
        if limit is None:
            return self
        texts = int(np.searchsorted(self.image_index, limit))
        return CaptionedImages(
            self.name,
            self.images[:limit],
            self.texts[:texts],
            self.image_index[:texts],
            None if self.classes is None else self.classes[:limit],
            self.class_names,
        )


def join(parts: Sequence[CaptionedImages]) -> CaptionedImages:
    """Concatenate data sets; their classes follow one another, and are dropped if a data set has none."""
    image_offsets = np.cumsum([0, *(len(part.images) for part in parts)])
    class_offsets = np.cumsum([0, *(len(part.class_names) for part in parts)])
    classes = [
        part.classes + offset
        for part, offset in zip(parts, class_offsets, strict=False)
        if part.classes is not None
    ]
    has_classes = len(classes) == len(parts)
    return CaptionedImages(
        " and ".join(part.name for part in parts),
        tuple(image for part in parts for image in part.images),
        tuple(text for part in parts for text in part.texts),
        np.concatenate(
            [part.image_index + offset for part, offset in zip(parts, image_offsets, strict=False)]
        ),
        np.concatenate(classes) if has_classes else None,
        tuple(name for part in parts for name in part.class_names) if has_classes else (),
    )


def read_flickr8k(root: str | Path, split: str) -> CaptionedImages:
    """Read Flickr8k, five captions for each image.

    Hodosh, Young and Hockenmaier, "Framing Image Description as a Ranking Task", JAIR 47, 2013.

    Args:
        root: Folder with `captions.tsv` (`image`, `split`, `caption1` to `caption5`) and the images, named by
            `image`, in the folder or in ZIP archives.
        split: One of `SPLITS`.

    Raises:
        FileNotFoundError: `captions.tsv` or an image is missing.
        ValueError: There is no such split.
    """
    check_split(split)
    rows = [row for row in _read_table(root, "captions.tsv") if row["split"] == split]
    images = _find_images(root, [row["image"] for row in rows])
    texts = tuple(clean_caption(row[f"caption{number}"]) for row in rows for number in range(1, 6))
    return CaptionedImages("Flickr8k", images, texts, np.repeat(np.arange(len(images)), 5))


def read_coco(root: str | Path, split: str) -> CaptionedImages:
    """Read captioned photos of MS COCO.

    Chen et al., "Microsoft COCO Captions: Data Collection and Evaluation Server", 2015.

    Args:
        root: Folder with `photos.tsv` (`id`, `split`), `captions.tsv` (`id`, `caption`; several rows of a
            photo) and the photos, named by `id`, in the folder or in ZIP archives.
        split: One of `SPLITS`.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: There is no such split.
    """
    check_split(split)
    captions: dict[str, list[str]] = {}
    for row in _read_table(root, "captions.tsv"):
        captions.setdefault(row["id"], []).append(clean_caption(row["caption"]))
    names = [
        row["id"]
        for row in _read_table(root, "photos.tsv")
        if row["split"] == split and row["id"] in captions
    ]
    texts = tuple(text for name in names for text in captions[name])
    image_index = np.repeat(np.arange(len(names)), [len(captions[name]) for name in names])
    return CaptionedImages("COCO", _find_images(root, names), texts, image_index)


def read_grocery_texts(root: str | Path, split: str) -> CaptionedImages:
    """Read the Grocery Store set, each image with the name and the description of its product.

    Klasson, Zhang and Kjellstrom, "A Hierarchical Grocery Store Image Dataset with Visual and Semantic
    Labels", WACV 2019. Images of one product share their texts.

    Args:
        root: See `shared.training.datasets.read_grocery`; `classes.csv` has `description` as well.
        split: One of `SPLITS`.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: There is no such split.
    """
    check_split(split)
    labelled = read_grocery(root, _VALIDATION.get(split, split))
    with (Path(root) / "classes.csv").open(encoding="utf-8", newline="") as file:
        descriptions = {int(row["class_id"]): row["description"].strip() for row in csv.DictReader(file)}
    names = tuple(name.replace("-", " ") for name in labelled.classes)
    texts = tuple(
        text for target in labelled.targets.tolist() for text in (names[target], descriptions[target])
    )
    image_index = np.repeat(np.arange(len(labelled.images)), 2)
    return CaptionedImages("Grocery Store", labelled.images, texts, image_index, labelled.targets, names)


def read_fashion(root: str | Path, split: str) -> CaptionedImages:
    """Read the fashion product images, each with its name and attributes; the class is the type of article.

    Args:
        root: Folder with `products.tsv` (`id`, `split`, `articleType`, `baseColour`, `gender`, `name`) and
            the images, named by `id`, in the folder or in ZIP archives.
        split: One of `SPLITS`.

    Raises:
        FileNotFoundError: `products.tsv` or an image is missing.
        ValueError: There is no such split.
    """
    check_split(split)
    table = _read_table(root, "products.tsv")
    names = tuple(sorted({row["articleType"] for row in table}))
    rows = [row for row in table if row["split"] == _VALIDATION.get(split, split)]
    images = _find_images(root, [row["id"] for row in rows])
    # Names hold a brand and sometimes a color; attributes hold what is visible.
    attributes = [f"{row['baseColour']} {row['articleType']} for {row['gender']}".lower() for row in rows]
    texts = tuple(
        text for row, visible in zip(rows, attributes, strict=True) for text in (row["name"], visible)
    )
    classes = np.array([names.index(row["articleType"]) for row in rows])
    return CaptionedImages("fashion", images, texts, np.repeat(np.arange(len(images)), 2), classes, names)


def read_multi30k(root: str | Path, held_out: Iterable[str] = ()) -> tuple[str, ...]:
    """Read the English captions of Multi30k's training split, which describe images of Flickr30k.

    Elliott, Frank, Sima'an and Specia, "Multi30K: Multilingual English-German Image Descriptions", 2016. The
    images of Flickr8k are among those of Flickr30k: all captions of an image are dropped if one is held out.

    Args:
        root: Folder of the repository, with `data/task2/raw/train.1.en.gz` to `train.5.en.gz`: line n of each
            describes image n.
        held_out: Captions of validation and test images.

    Returns:
        The distinct captions.

    Raises:
        FileNotFoundError: A file is missing.
    """
    paths = [Path(root) / f"data/task2/raw/train.{number}.en.gz" for number in range(1, 6)]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{missing[0]} is missing; --sentences must name Multi30k's folder")
    columns = [gzip.decompress(path.read_bytes()).decode("utf-8").splitlines() for path in paths]
    held_out_words = {tuple(split_words(text)) for text in held_out}
    captions: dict[str, None] = {}
    for row in zip(*columns, strict=True):
        words = [tuple(split_words(text)) for text in row]
        if held_out_words.isdisjoint(words):
            captions |= {clean_caption(text): None for text, split in zip(row, words, strict=True) if split}
    return tuple(captions)


def clean_caption(text: str) -> str:
    """Remove the spaces before punctuation marks, which tokenized captions have.

    >>> clean_caption("A dog runs , and barks . ")
    'A dog runs, and barks.'
    """
    return " ".join(text.split()).replace(" .", ".").replace(" ,", ",")


def check_split(split: str) -> None:
    """Check the name of a split.

    Raises:
        ValueError: There is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"the split must be one of {', '.join(SPLITS)}, received {split!r}")


def _read_table(root: str | Path, name: str) -> list[dict[str, str]]:
    path = Path(root) / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; --data must name the data set's folder")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _find_images(root: str | Path, names: Sequence[str]) -> tuple[ImageFile, ...]:
    root = Path(root)
    if not names:
        raise MissingSplitError(f"{root} lists no images for this split")
    images = {image.name: image for image in read_images(sorted(root.glob("*.zip")) or [root])}
    missing = [name for name in names if name not in images]
    if missing:
        raise FileNotFoundError(f"{root} lacks {len(missing)} images, such as {missing[0]}")
    return tuple(images[name] for name in names)
