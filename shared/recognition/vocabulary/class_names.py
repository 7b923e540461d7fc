"""Names of ImageNet's 1000 classes and of segmented kinds, as people say them.

`imagenet.tsv` has a row per class: WordNet's synset, the label of the networks' configurations, a plain name,
the everyday kind where the name alone would not tell it, and further words for the class: its lemmas and
those of its hypernyms in WordNet 3.0 (Fellbaum 1998; see LICENSE-WordNet.txt), with a few everyday words.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

#: Segmented kinds whose label in the field is not the everyday name.
SEGMENT_NAMES = {
    "aeroplane": "airplane",
    "motorbike": "motorcycle",
    "tv monitor": "TV or monitor",
    "pavement": "sidewalk",
    "bicyclist": "cyclist",
    "windowpane": "window",
    "earth": "ground",
    "base": "pedestal",
    "case": "display case",
    "hovel": "hut",
    "television receiver": "television",
    "apparel": "clothes",
    "bannister": "banister",
    "conveyer belt": "conveyor belt",
    "plaything": "toy",
    "minibike": "motorcycle",
    "trade name": "brand sign",
    "hood": "cooker hood",
    "ashcan": "trash can",
    "crt screen": "tube screen",
}


@dataclass(frozen=True)
class ClassName:
    """Words for a class.

    Attributes:
        name: Plain name, such as `"Cardigan Welsh corgi"`.
        kind: Everyday kind, such as `"dog"`; empty where the name tells it.
        label: Label of the class in the configuration of a network.
        synset: Id of the class in WordNet 3.0, such as `"n02113186"`; None if it has none.
        lemmas: Further names of the class.
        kinds: Words for more general classes, nearest first.
    """

    name: str
    kind: str = ""
    label: str = ""
    synset: str | None = None
    lemmas: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """Name, with the kind in brackets if there is one."""
        return f"{self.name} ({self.kind})" if self.kind else self.name


@cache
def imagenet_names() -> Mapping[str, ClassName]:
    """Return the names of ImageNet's classes in the order of their ids, by label."""
    path = resources.files("shared.recognition.vocabulary").joinpath("imagenet.tsv")
    lines = path.read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    return {
        row["label"]: ClassName(
            name=row["name"],
            kind=row["kind"],
            label=row["label"],
            synset=row["synset"],
            lemmas=_split(row["lemmas"]),
            kinds=_split(row["kinds"]),
        )
        for row in rows
    }


def class_names(labels: Iterable[str]) -> tuple[ClassName, ...]:
    """Return the names of a network's classes.

    Args:
        labels: Labels of the network's configuration. Unless all are ImageNet's, they are the names.

    >>> [name.title for name in class_names(["Cardigan", "cardigan"])]
    ['Cardigan Welsh corgi (dog)', 'cardigan (sweater)']
    >>> [name.title for name in class_names(["Cardigan", "my cup"])]
    ['Cardigan', 'my cup']
    """
    labels, names = tuple(labels), imagenet_names()
    if all(label in names for label in labels):
        return tuple(names[label] for label in labels)
    return tuple(ClassName(label, label=label) for label in labels)


@cache
def ade20k_names() -> tuple[str, ...]:
    """Return the names of the 150 classes of ADE20K (Zhou et al., CVPR 2017) in the order of their ids.

    >>> len(ade20k_names()), ade20k_names()[12]
    (150, 'person')
    """
    path = resources.files("shared.recognition.vocabulary").joinpath("ade20k.txt")
    return tuple(path.read_text(encoding="utf-8").splitlines())


def segment_name(label: str) -> str:
    """Return the everyday name of a segmented kind.

    >>> segment_name("tv monitor"), segment_name("cat")
    ('TV or monitor', 'cat')
    """
    return SEGMENT_NAMES.get(label, label)


def _split(cell: str) -> tuple[str, ...]:
    return tuple(cell.split("; ")) if cell else ()
