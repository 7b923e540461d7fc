"""Photos of things with their names, and what nouns mean, for what everyday captions do not speak of.

A name becomes a few short texts, as people write them who look for a picture.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from shared.core.image_files import ImageFile, read_images
from shared.crossmodal.data.datasets import CaptionedImages, MissingSplitError, known_split
from shared.crossmodal.text.words import split_words

#: Of one thing; more of them add little.
MOST_PHOTOS = 30
#: Of a thing that has more than one name.
MOST_NAMES = 3
#: How often a word must occur in WordNet's explanations not to be a rare one.
LEAST_USES = 3
#: Of ten photos of a thing, those that are for choosing settings and for testing.
_HELD_OUT = {"dev": 8, "test": 9}
#: Folders whose name is not that of a thing, or is misspelled.
_RENAMED = {"faces easy": "faces", "binocular": "binoculars", "water lilly": "water lily", "car side": "car"}
_NO_THINGS = ("BACKGROUND_Google",)
#: Sentences around a name; see `frame`.
FRAMES = (
    "{} on a table",
    "{} in the grass",
    "{} on a rock",
    "{} by the water",
    "{} in front of a wall",
    "{} in the street",
    "{} in a room",
    "{} in the dark",
    "{} in the sun",
    "{} from close by",
    "{} stands in a field",
    "{} lies on the ground",
    "{} rests in the shade",
    "{} looks into the camera",
    "there is {} in the picture",
    "this is {}",
    "a man looks at {}",
    "a woman with {}",
    "a child plays near {}",
    "people stand around {}",
    "somebody holds {}",
    "two people and {}",
)
_WORDNET_ID = re.compile(r"n\d{8}")
#: WordNet's files of nouns for what can be seen: animals, artifacts, bodies, food, places and things in
#: nature, persons, plants.
_VISIBLE = frozenset({"05", "06", "08", "13", "15", "17", "18", "20"})


def read_named(root: str | Path, split: str, most: int = MOST_PHOTOS) -> CaptionedImages:
    """Lists photos of things, each with short texts that say its name.

    The name is that of the folder that a photo lies in (`images` aside), such as `sea_horse`, or the end of
    the file's name, such as `n01440764_tench`. A file `words.txt` in the root folder or beside it, as
    Tiny-ImageNet has it, tells the names of WordNet's numbers. Every tenth photo of a thing is held out for
    choosing settings and another one for testing, where there are ten or more.

    Args:
        root: The folder.
        split: `"train"`, `"dev"` or `"test"`.
        most: Photos of one thing, over all splits.

    Raises:
        FileNotFoundError: There are no photos.
        MissingSplitError: There are none in this part.
        ValueError: There is no such split.
    """
    place = _HELD_OUT.get(known_split(split))
    words = _read_words(Path(root))
    own: dict[tuple[str, ...], list[ImageFile]] = {}
    for photo in read_images([root]):
        names = _names(photo, words)
        if names:
            own.setdefault(names, []).append(photo)
    photos, texts, owners, classes = [], [], [], []
    for number, (names, shown) in enumerate(sorted(own.items())):
        for order, photo in enumerate(shown[:most]):
            held = order % 10 if order % 10 in _HELD_OUT.values() else None
            if held == place:
                said = [text for name in names for text in say(name)]
                texts += said
                owners += [len(photos)] * len(said)
                classes.append(number)
                photos.append(photo)
    if not photos:
        raise MissingSplitError(f"{root} holds no photos of things for the part {split!r}")
    firsts = tuple(names[0] for names in sorted(own))
    name = f"things in {Path(root).name}"
    return CaptionedImages(name, tuple(photos), tuple(texts), np.array(owners), np.array(classes), firsts)


def say(name: str) -> tuple[str, str]:
    """A name as people write it who look for a picture: alone, and of a photo.

    >>> say("owl")
    ('owl', 'a photo of an owl')
    """
    return name, f"a photo of {with_article(name)}"


def names_alone(data: CaptionedImages) -> np.ndarray:
    """Which texts of `read_named` are a name and nothing else, bool `[texts]`; the first of `say` each."""
    return np.arange(len(data.texts)) % 2 == 0


def with_article(name: str) -> str:
    """A name inside a sentence.

    >>> with_article("owl"), with_article("sunglasses")
    ('an owl', 'sunglasses')
    """
    many = name.endswith("s") and not name.endswith(("ss", "us"))
    return name if many else f"an {name}" if name[0] in "aeiou" else f"a {name}"


def frame(name: str, rng: np.random.Generator) -> str:
    """A name in a sentence as captions are: where nobody knows what else a photo shows, any may be right.

    Over many photos what a sentence says beside the name comes to nothing, and the name is what is learned.

    >>> frame("owl", np.random.default_rng(0))
    'a child plays near an owl'
    """
    return str(rng.choice(FRAMES)).format(with_article(name))


def read_nouns(root: str | Path) -> tuple[str, ...]:
    """Lists texts about all things that can be seen: their names, and what WordNet says they are.

    Fellbaum (ed.), "WordNet: An Electronic Lexical Database", 1998.

    Args:
        root: WordNet's folder `dict`, with `data.noun`.

    Returns:
        Each text once. Names with capital letters are left out, of species and persons, and those with a word
        that explains hardly any other: rare ones.

    Raises:
        FileNotFoundError: The file is missing.
    """
    path = Path(root) / "data.noun"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; --nouns must name WordNet's folder dict")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(" ")]
    entries, meanings = zip(*(line.split("|", 1) for line in lines), strict=True)
    used = Counter(word for meaning in meanings for word in split_words(meaning))
    found: dict[str, None] = {}
    for entry, meaning in zip(entries, meanings, strict=True):
        fields = entry.split()
        if fields[1] not in _VISIBLE:
            continue
        names = _everyday(word.replace("_", " ") for word in fields[4 : 4 + 2 * int(fields[3], 16) : 2])
        names = [name for name in names if all(used[word] >= LEAST_USES for word in split_words(name))]
        if names:
            found |= dict.fromkeys(text for name in names for text in say(name))
            found[f"{names[0]}, {meaning.split(';')[0].strip()}"] = None
    return tuple(found)


def _read_words(root: Path) -> dict[str, str]:
    """Names by WordNet's numbers, from the first `words.txt` there is."""
    for path in (root / "words.txt", root.parent / "words.txt"):
        if path.is_file():
            lines = path.read_text(encoding="utf-8").splitlines()
            return dict(line.split("\t", 1) for line in lines if "\t" in line)
    return {}


def _names(photo: ImageFile, words: dict[str, str]) -> tuple[str, ...]:
    """The names of what a photo shows; none where its folder tells none."""
    parts = [part for part in Path(photo.member or photo.path).parts[:-1] if part != "images"]
    number, _, end = photo.name.partition("_")
    folder = parts[-1] if parts else ""
    if _WORDNET_ID.fullmatch(folder):
        number, end = folder, folder
    elif not _WORDNET_ID.fullmatch(number):
        number, end = "", folder
    if end in _NO_THINGS:
        return ()
    if number in words:
        return tuple(_everyday(words[number].split(", ")) or [words[number].split(",")[0].lower()])
    plain = end.replace("_", " ").replace("-", " ").lower()
    return (_RENAMED.get(plain, plain),)


def _everyday(names: Iterable[str]) -> list[str]:
    """Those without capital letters and digits, in which WordNet writes species and persons."""
    return [name for name in names if name == name.lower() and not re.search(r"[\d(]", name)][:MOST_NAMES]
