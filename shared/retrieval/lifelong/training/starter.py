"""Training of the starter network: `python -m shared.retrieval.train lifelong --data GROCERY`.

The starter knows 40 fruits and vegetables of the Grocery Store set (Klasson et al., WACV 2019, MIT licence).
Photos of its test split come along as a gallery to search, and some of three further classes as lessons to
try.
"""

from __future__ import annotations

import argparse
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tqdm import tqdm

from shared.core import weights
from shared.retrieval.lifelong.lesson import Lesson, LessonSettings, teach
from shared.retrieval.lifelong.memory import Learner
from shared.retrieval.lifelong.methods import METHODS
from shared.retrieval.lifelong.protocol import lesson_views
from shared.retrieval.lifelong.samples import KNOWN, LESSONS, QUERIES, SAMPLES
from shared.retrieval.lifelong.training.cache import read_cached
from shared.retrieval.lifelong.training.network import imagenet_network
from shared.training.datasets import LabelledImages, read_grocery

CLASSES = 40
SHOWN = 3  # photos of each known class in the gallery
LESSON_CLASSES = ("Kiwi", "Ginger", "Red-Bell-Pepper")
CARTONS = "Bravo-Apple-Juice", "Asparagus"  # the first class of a carton, and the first one after all of them
LESSON_PHOTOS, QUERY_PHOTOS = 12, 3
"""Photos of each further class to learn from, and to search with."""


def train(options: argparse.Namespace) -> Path:
    """Train the starter, write its weight folder, and return it."""
    cached = read_cached("grocery", options.data, options.cache)
    names = read_grocery(options.data, "train").classes
    lessons = [names.index(name) for name in LESSON_CLASSES]
    first, last = map(names.index, CARTONS)
    known = np.array([i for i in range(len(names)) if i not in {*lessons, *range(first, last)}][:CLASSES])
    network = imagenet_network(classes=CLASSES, seed=options.seed)
    settings = LessonSettings(steps=options.steps, seed=options.seed)
    titles = tuple(title(names[index]) for index in known)
    views = lesson_views(cached.train, known, 0)
    lesson = Lesson(views, titles, METHODS["finetune"], settings)
    with tqdm(total=settings.steps, unit="step", mininterval=10) as bar:
        learner = teach(Learner(network), lesson, lambda step, student: bar.update())
    folder = weights.save(
        learner.network,
        options.out,
        config={"class_names": list(titles), "images": learner.memory.images, "classes": CLASSES},
    )
    write_samples(folder / SAMPLES, options.data, known.tolist(), lessons)
    return folder


def title(name: str) -> str:
    """Return the name of a class for people.

    >>> title("Golden-Grapefruit")
    'golden grapefruit'
    """
    return name.replace("-", " ").lower()


def write_samples(path: Path, root: Path, known: Sequence[int], lessons: Sequence[int]) -> None:
    """Write the photos that come along.

    Args:
        path: ZIP archive to write.
        root: Folder of the data set.
        known: Classes of the starter.
        lessons: Classes to teach.
    """
    train, test = read_grocery(root, "train"), read_grocery(root, "test")
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for index in known:
            _write(archive, KNOWN, test, index, SHOWN)
        for index in lessons:
            _write(archive, LESSONS, train, index, LESSON_PHOTOS)
            _write(archive, QUERIES, test, index, QUERY_PHOTOS)


def _write(archive: zipfile.ZipFile, group: str, part: LabelledImages, target: int, count: int) -> None:
    """Write some photos of a class, spread over all of them."""
    rows = np.flatnonzero(part.targets == target)
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, min(count, len(rows))).astype(int))]
    for number, row in enumerate(chosen, start=1):
        name = title(part.classes[target])
        with part.images[row].open() as file:
            entry = zipfile.ZipInfo(f"{group}/{name}/{number}.webp", (2020, 1, 1, 0, 0, 0))
            archive.writestr(entry, file.read())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the training."""
    add = parser.add_argument
    add("--data", type=Path, required=True, help="folder of the Grocery Store set")
    add(
        "--out",
        type=Path,
        default=Path("weights/retrieval-lifelong"),
        help="folder of the weights (%(default)s)",
    )
    add("--cache", type=Path, help="folder in which the maps of the images are kept")
    add("--steps", type=int, default=400, help="optimizer steps (%(default)s)")
    add("--seed", type=int, default=0)
    parser.set_defaults(run=train)
