"""Images of things with their names, and WordNet's nouns, for what everyday captions do not mention.

A name becomes a few short texts, in the words of people who search for an image.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from shared.core.image_files import ImageFile, read_images
from shared.crossmodal.data.datasets import CaptionedImages, MissingSplitError, check_split
from shared.crossmodal.text.words import split_words

#: Images of one thing; more of them add little.
MAX_IMAGES = 30
#: Names of one thing.
MAX_NAMES = 3
#: Occurrences of a word in WordNet's definitions; names with rarer words are dropped.
MIN_OCCURRENCES = 3
#: Of ten images of a thing, those of the development and of the test split.
_HELD_OUT = {"dev": 8, "test": 9}
#: Folders whose name is not that of a thing, or is misspelled.
_RENAMED = {"faces easy": "faces", "binocular": "binoculars", "water lilly": "water lily", "car side": "car"}
_BACKGROUND = ("BACKGROUND_Google",)
#: Captions around a name, see `caption_with_name`.
CAPTION_TEMPLATES = (
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
#: Beginnings of words that sound as "you".
CONSONANT_SOUNDS = ("uni", "eu", "uku", "ute")
#: Names of which there is one, and those without a plural: they have another article or none.
UNIQUE = re.compile("sky|sea|ocean|moon")
UNCOUNTED = re.compile(
    "bread|broccoli|butter|cauliflower|cheese|clay|corn|dancing|dough|eggnog|espresso|fire|food|fruit|grass|"
    "guacamole|hay|ice|night|rain|running|sand|snow|swimming|tennis|velvet|wool|chain mail|chocolate sauce|"
    "ice cream|mashed potato|red wine|toilet paper"
)
_WORDNET_ID = re.compile(r"n\d{8}")
#: WordNet's files of nouns for what is visible: animals, artifacts, bodies, food, places and natural objects,
#: persons, plants.
_VISIBLE = frozenset({"05", "06", "08", "13", "15", "17", "18", "20"})


def read_named_images(root: str | Path, split: str, max_images: int = MAX_IMAGES) -> CaptionedImages:
    """Read images of things, each with short texts that contain its name.

    The name is that of the image's folder, except `images`, such as `sea_horse`, or the end of the file's
    name, such as `n01440764_tench`. A file `words.txt` in the root folder or next to it, as Tiny-ImageNet has
    it, maps WordNet's numbers to names. Of ten images of a thing, the ninth belongs to the development split
    and the tenth to the test split.

    Args:
        root: The folder.
        split: `"train"`, `"dev"` or `"test"`.
        max_images: Images of one thing, over all splits.

    Raises:
        FileNotFoundError: There are no images.
        MissingSplitError: There are none in this split.
        ValueError: There is no such split.
    """
    check_split(split)
    position = _HELD_OUT.get(split)
    names_by_id = _read_names(Path(root))
    files_by_names: dict[tuple[str, ...], list[ImageFile]] = {}
    for image in read_images([root]):
        names = _names(image, names_by_id)
        if names:
            files_by_names.setdefault(names, []).append(image)
    images: list[ImageFile] = []
    texts: list[str] = []
    image_index: list[int] = []
    classes: list[int] = []
    for number, (names, files) in enumerate(sorted(files_by_names.items())):
        for order, image in enumerate(files[:max_images]):
            held_out = order % 10 if order % 10 in _HELD_OUT.values() else None
            if held_out == position:
                image_texts = [text for name in names for text in name_texts(name)]
                texts += image_texts
                image_index += [len(images)] * len(image_texts)
                classes.append(number)
                images.append(image)
    if not images:
        raise MissingSplitError(f"{root} holds no images of things for the split {split!r}")
    return CaptionedImages(
        f"things in {Path(root).name}",
        tuple(images),
        tuple(texts),
        np.array(image_index),
        np.array(classes),
        tuple(names[0] for names in sorted(files_by_names)),
    )


def name_texts(name: str) -> tuple[str, str]:
    """Return a name alone, and in a phrase about a photo.

    >>> name_texts("owl")
    ('owl', 'a photo of an owl')
    """
    return name, f"a photo of {with_article(name)}"


def bare_name_mask(data: CaptionedImages) -> np.ndarray:
    """Return a mask of the texts of `read_named_images` that are a name alone, bool `[texts]`."""
    return np.arange(len(data.texts)) % 2 == 0  # the first one of each `name_texts`


def with_article(name: str) -> str:
    """Return a name with its indefinite article, unless it is a plural.

    >>> with_article("owl"), with_article("sunglasses"), with_article("uniform"), with_article("African emu")
    ('an owl', 'sunglasses', 'a uniform', 'an African emu')
    """
    plural = name.endswith("s") and not name.endswith(("ss", "us"))
    if plural:
        return name
    begins_with_vowel = name[0] in "aeiouAEIOU" and not name.startswith(CONSONANT_SOUNDS)
    return f"an {name}" if begins_with_vowel else f"a {name}"


def name_sentence(name: str) -> str:
    """Return a name as a sentence.

    >>> name_sentence("owl"), name_sentence("snow"), name_sentence("sea")
    ('An owl.', 'Snow.', 'The sea.')
    """
    if UNIQUE.fullmatch(name):
        text = f"the {name}"
    else:
        text = name if UNCOUNTED.fullmatch(name) else with_article(name)
    return f"{text[:1].upper()}{text[1:]}."


def caption_with_name(name: str, rng: np.random.Generator) -> str:
    """Return a name inside a random caption.

    Over many images the rest of the caption averages out, and the name is what is learned.

    >>> caption_with_name("owl", np.random.default_rng(0))
    'a child plays near an owl'
    """
    return str(rng.choice(CAPTION_TEMPLATES)).format(with_article(name))


def read_wordnet_nouns(root: str | Path) -> tuple[str, ...]:
    """Read the names and definitions of WordNet's nouns for visible things.

    Fellbaum (ed.), "WordNet: An Electronic Lexical Database", 1998.

    Args:
        root: WordNet's folder `dict`, with `data.noun`.

    Returns:
        The distinct texts, without names in capital letters (species and persons) and names with rare words.

    Raises:
        FileNotFoundError: The file is missing.
    """
    path = Path(root) / "data.noun"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; --nouns must name WordNet's folder dict")
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(" ")]
    entries, definitions = zip(*(line.split("|", 1) for line in lines), strict=True)
    occurrences = Counter(word for definition in definitions for word in split_words(definition))
    texts: dict[str, None] = {}
    for entry, definition in zip(entries, definitions, strict=True):
        fields = entry.split()
        if fields[1] not in _VISIBLE:
            continue
        names = _common_names(word.replace("_", " ") for word in fields[4 : 4 + 2 * int(fields[3], 16) : 2])
        names = [
            name for name in names if all(occurrences[word] >= MIN_OCCURRENCES for word in split_words(name))
        ]
        if names:
            texts |= dict.fromkeys(text for name in names for text in name_texts(name))
            texts[f"{names[0]}, {definition.split(';')[0].strip()}"] = None
    return tuple(texts)


def _read_names(root: Path) -> dict[str, str]:
    """Read names by WordNet's numbers from the first `words.txt`."""
    for path in (root / "words.txt", root.parent / "words.txt"):
        if path.is_file():
            rows = [line.split("\t", 1) for line in path.read_text(encoding="utf-8").splitlines()]
            return {row[0]: row[1] for row in rows if len(row) == 2}
    return {}


def _names(image: ImageFile, names_by_id: dict[str, str]) -> tuple[str, ...]:
    """Return the names of the thing in an image; none if its path has none."""
    folders = [part for part in Path(image.member or image.path).parts[:-1] if part != "images"]
    wordnet_id, _, suffix = image.name.partition("_")
    folder = folders[-1] if folders else ""
    if _WORDNET_ID.fullmatch(folder):
        wordnet_id, suffix = folder, folder
    elif not _WORDNET_ID.fullmatch(wordnet_id):
        wordnet_id, suffix = "", folder
    if suffix in _BACKGROUND:
        return ()
    if wordnet_id in names_by_id:
        names = names_by_id[wordnet_id].split(", ")
        return tuple(_common_names(names) or [names_by_id[wordnet_id].split(",")[0].lower()])
    name = suffix.replace("_", " ").replace("-", " ").lower()
    return (_RENAMED.get(name, name),)


def _common_names(names: Iterable[str]) -> list[str]:
    """Drop names with capital letters or digits, in which WordNet writes species and persons."""
    return [name for name in names if name == name.lower() and not re.search(r"[\d(]", name)][:MAX_NAMES]
