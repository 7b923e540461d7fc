"""Readers of Oxford5k and Paris6k, with the old and the revisited protocol.

Philbin et al., "Object retrieval with large vocabularies and fast spatial matching", CVPR 2007, and "Lost in
quantization", CVPR 2008: 55 queries each, a building in a box. Radenovic et al., "Revisiting Oxford and
Paris: large-scale image retrieval benchmarking", CVPR 2018: 70 queries each, three degrees of difficulty.
"""

from __future__ import annotations

import importlib
import io
import pickle
from collections.abc import Iterable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from shared.retrieval.data.instances import Query, RetrievalSet
from shared.training.datasets import ImageFile, read_images

#: What of a revisited query is relevant and what is junk; the rest of its lists is neither.
DIFFICULTIES = {
    "easy": (("easy",), ("junk", "hard")),
    "medium": (("easy", "hard"), ("junk",)),
    "hard": (("hard",), ("junk", "easy")),
}

#: Files of Paris6k that are no pictures; the protocol leaves them out.
DAMAGED = frozenset(
    f"paris_{building}_{number:06d}"
    for building, numbers in {
        "louvre": (136, 146),
        "moulinrouge": (422,),
        "museedorsay": (1059,),
        "notredame": (188,),
        "pantheon": (284, 960, 974),
        "pompidou": (195, 196, 201, 467, 640),
        "sacrecoeur": (299, 330, 353),
        "triomphe": (662, 833, 863, 867),
    }.items()
    for number in numbers
)


def read_landmarks(root: str | Path) -> RetrievalSet:
    """Lists Oxford5k or Paris6k with the old protocol: good and ok are relevant, junk is left out.

    The query's photo itself counts as relevant, as in the authors' program.

    Args:
        root: a folder with the photos (`all_souls_000013.jpg`) and, for each query, `NAME_query.txt`,
            `NAME_good.txt`, `NAME_ok.txt` and `NAME_junk.txt`, all at any depth.

    Raises:
        FileNotFoundError: there is no `*_query.txt`, or a photo that they name is missing.
    """
    root = Path(root)
    files = sorted(root.rglob("*_query.txt"))
    if not files:
        raise FileNotFoundError(f"{root} holds no NAME_query.txt, the queries of Oxford5k or Paris6k")
    photos = [photo for photo in read_images([root]) if photo.name not in DAMAGED]
    numbers = {photo.name: number for number, photo in enumerate(photos)}

    def listed(file: Path, *kinds: str) -> frozenset[int]:
        stem = file.name.removesuffix("query.txt")
        names = [name for kind in kinds for name in file.with_name(f"{stem}{kind}.txt").read_text().split()]
        return frozenset(_numbers_of(numbers, names, root))

    queries = []
    for file in files:
        name, *box = file.read_text().split()
        (number,) = _numbers_of(numbers, [name.removeprefix("oxc1_")], root)
        left, top, right, bottom = map(float, box)
        queries.append(
            Query(
                photos[number],
                relevant=listed(file, "good", "ok"),
                junk=listed(file, "junk"),
                box=(left, top, right, bottom),
            )
        )
    return RetrievalSet(_name(photos), tuple(photos), tuple(queries))


def read_revisited(root: str | Path, difficulty: str = "medium") -> RetrievalSet:
    """Lists Oxford5k or Paris6k with the revisited protocol.

    Args:
        root: a folder with the photos and `gnd_roxford5k.pkl` or `gnd_rparis6k.pkl`, at any depth.
        difficulty: `"easy"`, `"medium"` or `"hard"`. Queries without a relevant photo at that difficulty are
            part of the set, and count in no mean.

    Raises:
        FileNotFoundError: there is no `gnd_*.pkl`, or a photo that it names is missing.
        ValueError: there is no such difficulty, or the file holds something else than lists.
    """
    if difficulty not in DIFFICULTIES:
        raise ValueError(f"the difficulty must be one of {', '.join(DIFFICULTIES)}, received {difficulty!r}")
    root = Path(root)
    files = sorted(root.rglob("gnd_*.pkl"))
    if not files:
        raise FileNotFoundError(f"{root} holds no gnd_*.pkl, the queries of the revisited protocol")
    truth = _Plain(io.BytesIO(files[0].read_bytes())).load()
    found = {photo.name: photo for photo in read_images([root])}
    try:
        photos = _numbers_of(found, truth["imlist"], root)
        shown = _numbers_of(found, truth["qimlist"], root)
        right, junk = DIFFICULTIES[difficulty]

        def listed(row: dict, kinds: Iterable[str]) -> frozenset[int]:
            return frozenset(int(number) for kind in kinds for number in row[kind])

        queries = [
            Query(photo, listed(row, right), listed(row, junk), box=tuple(float(edge) for edge in row["bbx"]))
            for photo, row in zip(shown, truth["gnd"], strict=True)
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{files[0]} is no list of queries of the revisited protocol") from error
    return RetrievalSet(f"revisited {_name(photos)}, {difficulty}", tuple(photos), tuple(queries))


class _Plain(pickle.Unpickler):
    """Reads numbers, texts, lists and arrays; anything else in a pickle could run code and is refused."""

    # what NumPy's versions write for an array, and how old protocols keep its bytes
    KNOWN = MappingProxyType(
        {
            **{("numpy", name): "numpy" for name in ("ndarray", "dtype")},
            **{
                (f"numpy.{core}.{module}", name): f"numpy._core.{module}"
                for core in ("core", "_core")
                for module, names in (
                    ("multiarray", ("_reconstruct", "scalar")),
                    ("numeric", ("_frombuffer",)),
                )
                for name in names
            },
            ("_codecs", "encode"): "_codecs",
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.KNOWN:
            raise ValueError(f"the file holds {module}.{name}, which is no number, text, list or array")
        return getattr(importlib.import_module(self.KNOWN[module, name]), name)


def _numbers_of(known: dict[str, Any], names: Iterable[str], root: Path) -> list[Any]:
    names = list(names)
    missing = [name for name in names if name not in known]
    if missing:
        raise FileNotFoundError(f"{root} lacks {len(missing)} photos of its lists, such as {missing[0]}")
    return [known[name] for name in names]


def _name(photos: Iterable[ImageFile]) -> str:
    return "Paris6k" if any(photo.name.startswith("paris_") for photo in photos) else "Oxford5k"
