"""Readers of Oxford5k and Paris6k, with the original and the revisited protocol.

Philbin et al., "Object retrieval with large vocabularies and fast spatial matching", CVPR 2007, and "Lost in
quantization", CVPR 2008: 55 queries each, a building in a box. Radenovic et al., "Revisiting Oxford and
Paris: large-scale image retrieval benchmarking", CVPR 2018: 70 queries each, three difficulties.
"""

from __future__ import annotations

import importlib
import io
import pickle
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from shared.core.image_files import ImageFile, read_images
from shared.retrieval.data.instances import Query, RetrievalSet

T = TypeVar("T")

#: Lists of a revisited query that are relevant, and those that are junk; its remaining lists are wrong.
DIFFICULTIES = {
    "easy": (("easy",), ("junk", "hard")),
    "medium": (("easy", "hard"), ("junk",)),
    "hard": (("hard",), ("junk", "easy")),
}

#: Damaged files of Paris6k, which the protocol leaves out.
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
    """List Oxford5k or Paris6k with the original protocol: good and ok are relevant, junk is ignored.

    The query image itself counts as relevant, as in the authors' program.

    Args:
        root: Folder with the images (`all_souls_000013.jpg`) and, for each query, `NAME_query.txt`,
            `NAME_good.txt`, `NAME_ok.txt` and `NAME_junk.txt`, all at any depth.

    Raises:
        FileNotFoundError: There is no `*_query.txt`, or a listed image is missing.
    """
    root = Path(root)
    files = sorted(root.rglob("*_query.txt"))
    if not files:
        raise FileNotFoundError(f"{root} holds no NAME_query.txt, the queries of Oxford5k or Paris6k")
    images = [image for image in read_images([root]) if image.name not in DAMAGED]
    indices = {image.name: index for index, image in enumerate(images)}

    def read_lists(file: Path, *lists: str) -> frozenset[int]:
        stem = file.name.removesuffix("query.txt")
        names = [name for part in lists for name in file.with_name(f"{stem}{part}.txt").read_text().split()]
        return frozenset(_look_up(indices, names, root))

    queries = []
    for file in files:
        name, *edges = file.read_text().split()
        (index,) = _look_up(indices, [name.removeprefix("oxc1_")], root)
        left, top, right, bottom = map(float, edges)
        queries.append(
            Query(
                images[index],
                relevant=read_lists(file, "good", "ok"),
                junk=read_lists(file, "junk"),
                box=(left, top, right, bottom),
            )
        )
    return RetrievalSet(_name(images), tuple(images), tuple(queries))


def read_revisited(root: str | Path, difficulty: str = "medium") -> RetrievalSet:
    """List Oxford5k or Paris6k with the revisited protocol.

    Args:
        root: Folder with the images and `gnd_roxford5k.pkl` or `gnd_rparis6k.pkl`, at any depth.
        difficulty: `"easy"`, `"medium"` or `"hard"`. Queries without a relevant image at that difficulty are
            part of the set, and count in no mean.

    Raises:
        FileNotFoundError: There is no `gnd_*.pkl`, or a listed image is missing.
        ValueError: There is no such difficulty, or the file holds anything but lists.
    """
    if difficulty not in DIFFICULTIES:
        raise ValueError(f"the difficulty must be one of {', '.join(DIFFICULTIES)}, received {difficulty!r}")
    root = Path(root)
    files = sorted(root.rglob("gnd_*.pkl"))
    if not files:
        raise FileNotFoundError(f"{root} holds no gnd_*.pkl, the queries of the revisited protocol")
    truth = _RestrictedUnpickler(io.BytesIO(files[0].read_bytes())).load()
    by_name = {image.name: image for image in read_images([root])}
    try:
        images = _look_up(by_name, truth["imlist"], root)
        query_images = _look_up(by_name, truth["qimlist"], root)
        relevant, junk = DIFFICULTIES[difficulty]
        queries = [
            _revisited_query(image, row, relevant, junk)
            for image, row in zip(query_images, truth["gnd"], strict=True)
        ]
    except (KeyError, TypeError) as error:
        raise ValueError(f"{files[0]} is no list of queries of the revisited protocol") from error
    return RetrievalSet(f"revisited {_name(images)}, {difficulty}", tuple(images), tuple(queries))


def _revisited_query(
    image: ImageFile, row: Mapping[str, Any], relevant: Iterable[str], junk: Iterable[str]
) -> Query:
    """Convert a row of the ground truth: lists of indices, and the box `bbx`."""

    def indices(lists: Iterable[str]) -> frozenset[int]:
        return frozenset(int(index) for name in lists for index in row[name])

    left, top, right, bottom = map(float, row["bbx"])
    return Query(image, indices(relevant), indices(junk), box=(left, top, right, bottom))


class _RestrictedUnpickler(pickle.Unpickler):
    """Unpickler of plain values and NumPy arrays.

    A pickle names the functions that rebuild its objects, and so could run any code. This one resolves only
    the names that NumPy writes for arrays and scalars, in its old and new module layout, and the decoder of
    bytes in old pickle protocols; it refuses every other name.
    """

    # (module, name) in the file: module that has it today
    ALLOWED: Mapping[tuple[str, str], str] = MappingProxyType(
        {
            ("numpy", "ndarray"): "numpy",
            ("numpy", "dtype"): "numpy",
            ("numpy.core.multiarray", "_reconstruct"): "numpy._core.multiarray",
            ("numpy.core.multiarray", "scalar"): "numpy._core.multiarray",
            ("numpy.core.numeric", "_frombuffer"): "numpy._core.numeric",
            ("numpy._core.multiarray", "_reconstruct"): "numpy._core.multiarray",
            ("numpy._core.multiarray", "scalar"): "numpy._core.multiarray",
            ("numpy._core.numeric", "_frombuffer"): "numpy._core.numeric",
            ("_codecs", "encode"): "_codecs",
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise ValueError(f"the file holds {module}.{name}, which is no number, text, list or array")
        return getattr(importlib.import_module(self.ALLOWED[module, name]), name)


def _look_up(by_name: Mapping[str, T], names: Iterable[str], root: Path) -> list[T]:
    names = list(names)
    missing = [name for name in names if name not in by_name]
    if missing:
        raise FileNotFoundError(f"{root} lacks {len(missing)} photos of its lists, such as {missing[0]}")
    return [by_name[name] for name in names]


def _name(images: Iterable[ImageFile]) -> str:
    return "Paris6k" if any(image.name.startswith("paris_") for image in images) else "Oxford5k"
