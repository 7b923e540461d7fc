"""Readers of pictures that come with words: photos with sentences, groceries, fashion."""

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
#: Grocery and fashion call the part for choosing settings `val`.
_VALIDATION = {"dev": "val"}


class MissingSplitError(FileNotFoundError):
    """A data set that is there, but has nothing in this part."""


@dataclass(frozen=True)
class CaptionedImages:
    """Pictures and the texts that describe them.

    Attributes:
        name: What reports call the set.
        photos: The pictures.
        texts: All texts.
        owners: The number of the picture that each text describes, int64 `[texts]`, rising.
        classes: The number of each picture's class, int64 `[photos]`; None where there are no classes.
        class_names: The classes' names.
    """

    name: str
    photos: tuple[ImageFile, ...]
    texts: tuple[str, ...]
    owners: np.ndarray
    classes: np.ndarray | None = None
    class_names: tuple[str, ...] = ()

    @cached_property
    def identities(self) -> np.ndarray:
        """A number for each picture, int64 `[photos]`, that only pictures with the same texts share."""
        own: list[list[str]] = [[] for _ in self.photos]
        for text, owner in zip(self.texts, self.owners.tolist(), strict=True):
            own[owner].append(text)
        numbers: dict[tuple[str, ...], int] = {}
        return np.array([numbers.setdefault(tuple(texts), len(numbers)) for texts in own], np.int64)

    def distinct(self) -> tuple[tuple[str, ...], np.ndarray]:
        """All different texts, and which of them describe which picture: bool `[photos, texts]`."""
        numbers = {text: number for number, text in enumerate(dict.fromkeys(self.texts))}
        relevant = np.zeros((len(self.photos), len(numbers)), bool)
        relevant[self.owners, [numbers[text] for text in self.texts]] = True
        return tuple(numbers), relevant

    def firsts(self) -> tuple[str, ...]:
        """The first text of each picture."""
        return tuple(self.texts[place] for place in np.searchsorted(self.owners, np.arange(len(self.photos))))

    def first(self, count: int | None) -> CaptionedImages:
        """The same set with only the first so many pictures and their texts; all of them for None."""
        if count is None:
            return self
        texts = int(np.searchsorted(self.owners, count))
        classes = None if self.classes is None else self.classes[:count]
        photos, words, owners = self.photos[:count], self.texts[:texts], self.owners[:texts]
        return CaptionedImages(self.name, photos, words, owners, classes, self.class_names)


def read_flickr8k(root: str | Path, split: str) -> CaptionedImages:
    """Lists Flickr8k, five sentences for each photo.

    Hodosh, Young and Hockenmaier, "Framing Image Description as a Ranking Task", JAIR 47, 2013.

    Args:
        root: Folder with `captions.tsv` (`image`, `split`, `caption1` to `caption5`) and the photos, named by
            `image`, in the folder or in ZIP archives.
        split: One of `SPLITS`.

    Raises:
        FileNotFoundError: `captions.tsv` or a photo is missing.
        ValueError: There is no such split.
    """
    rows = [row for row in _table(root, "captions.tsv") if row["split"] == known_split(split)]
    photos = _photos(root, [row["image"] for row in rows])
    captions = [[row[f"caption{number}"] for number in range(1, 6)] for row in rows]
    texts = tuple(tidy(text) for five in captions for text in five)
    return CaptionedImages("Flickr8k", photos, texts, np.repeat(np.arange(len(photos)), 5))


def read_grocery_texts(root: str | Path, split: str) -> CaptionedImages:
    """Lists the photos of the Grocery Store set, each with the description and the name of its product.

    Klasson, Zhang and Kjellstrom, "A Hierarchical Grocery Store Image Dataset with Visual and Semantic
    Labels", WACV 2019. Photos of one product share their texts.

    Args:
        root: See `shared.training.datasets.read_grocery`; `classes.csv` has `description` as well.
        split: One of `SPLITS`.

    Raises:
        FileNotFoundError: A file is missing.
        ValueError: There is no such split.
    """
    shown = read_grocery(root, _VALIDATION.get(known_split(split), split))
    with (Path(root) / "classes.csv").open(encoding="utf-8", newline="") as file:
        words = {int(row["class_id"]): row["description"].strip() for row in csv.DictReader(file)}
    names = tuple(name.replace("-", " ") for name in shown.classes)
    texts = tuple(text for target in shown.targets.tolist() for text in (names[target], words[target]))
    owners = np.repeat(np.arange(len(shown.images)), 2)
    return CaptionedImages("Grocery Store", shown.images, texts, owners, shown.targets, names)


def read_fashion(root: str | Path, split: str) -> CaptionedImages:
    """Lists the small fashion product pictures, each with its name; the class is the type of article.

    Args:
        root: Folder with `products.tsv` (`id`, `split`, `articleType`, `baseColour`, `gender`, `name`) and
            the pictures, named by `id`, in the folder or in ZIP archives.
        split: One of `SPLITS`.

    Raises:
        FileNotFoundError: `products.tsv` or a picture is missing.
        ValueError: There is no such split.
    """
    table = _table(root, "products.tsv")
    names = tuple(sorted({row["articleType"] for row in table}))
    rows = [row for row in table if row["split"] == _VALIDATION.get(known_split(split), split)]
    photos = _photos(root, [row["id"] for row in rows])
    # Names tell a brand and sometimes a colour; the attributes tell what can be seen.
    seen = [f"{row['baseColour']} {row['articleType']} for {row['gender']}".lower() for row in rows]
    texts = tuple(text for row, plain in zip(rows, seen, strict=True) for text in (row["name"], plain))
    classes = np.array([names.index(row["articleType"]) for row in rows])
    return CaptionedImages("fashion", photos, texts, np.repeat(np.arange(len(photos)), 2), classes, names)


def read_sentences(root: str | Path, held_out: Iterable[str] = ()) -> tuple[str, ...]:
    """Lists the English sentences of Multi30k's training part, which describe photos of Flickr30k.

    Elliott, Frank, Sima'an and Specia, "Multi30K: Multilingual English-German Image Descriptions", 2016. The
    photos of Flickr8k are among those of Flickr30k: all five sentences of a photo are left out where one of
    them is held out.

    Args:
        root: The repository's folder, with `data/task2/raw/train.1.en.gz` to `train.5.en.gz`: line n of each
            describes photo n.
        held_out: Sentences that nothing may learn from.

    Returns:
        Each sentence once.

    Raises:
        FileNotFoundError: A file is missing.
    """
    paths = [Path(root) / f"data/task2/raw/train.{number}.en.gz" for number in range(1, 6)]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise FileNotFoundError(f"{missing[0]} is missing; --sentences must name Multi30k's folder")
    columns = [gzip.decompress(path.read_bytes()).decode("utf-8").splitlines() for path in paths]
    held = {tuple(split_words(text)) for text in held_out}
    found: dict[str, None] = {}
    for own in zip(*columns, strict=True):
        words = [tuple(split_words(text)) for text in own]
        if held.isdisjoint(words):
            found |= {tidy(text): None for text, any_word in zip(own, words, strict=True) if any_word}
    return tuple(found)


def join(sets: Sequence[CaptionedImages]) -> CaptionedImages:
    """Several sets as one. Their classes follow one another; they are left out where a set has none."""
    shifts = np.cumsum([0, *(len(one.photos) for one in sets)])
    classes, names = None, ()
    if all(one.classes is not None for one in sets):
        names = tuple(name for one in sets for name in one.class_names)
        starts = np.cumsum([0, *(len(one.class_names) for one in sets)])
        classes = np.concatenate([one.classes + start for one, start in zip(sets, starts, strict=False)])
    return CaptionedImages(
        " and ".join(one.name for one in sets),
        tuple(photo for one in sets for photo in one.photos),
        tuple(text for one in sets for text in one.texts),
        np.concatenate([one.owners + shift for one, shift in zip(sets, shifts, strict=False)]),
        classes,
        names,
    )


def tidy(text: str) -> str:
    """A caption as one would write it: no space before its full stop.

    >>> tidy("A dog runs , and barks . ")
    'A dog runs, and barks.'
    """
    return " ".join(text.split()).replace(" .", ".").replace(" ,", ",")


def known_split(split: str) -> str:
    """The name of a split.

    Raises:
        ValueError: There is no such split.
    """
    if split not in SPLITS:
        raise ValueError(f"the split must be one of {', '.join(SPLITS)}, received {split!r}")
    return split


def _table(root: str | Path, name: str) -> list[dict[str, str]]:
    path = Path(root) / name
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; --data must name the data set's folder")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def _photos(root: str | Path, names: Sequence[str]) -> tuple[ImageFile, ...]:
    root = Path(root)
    if not names:
        raise MissingSplitError(f"{root} lists no photos for this part")
    found = {photo.name: photo for photo in read_images(sorted(root.glob("*.zip")) or [root])}
    missing = [name for name in names if name not in found]
    if missing:
        raise FileNotFoundError(f"{root} lacks {len(missing)} photos, such as {missing[0]}")
    return tuple(found[name] for name in names)
