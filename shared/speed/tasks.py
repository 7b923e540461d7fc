"""Tasks whose speed is measured: one call of a visitor, from a PIL image to the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from PIL import Image

from shared.core.image_files import ImageFile

Call = Callable[[Image.Image], Any]


class Task(NamedTuple):
    """Task of a capability.

    Attributes:
        title: Words for the table.
        size: Width and height of the photos in pixels.
        load: Loads the model and returns the call.
        goal: Photos per second on two cores that it should reach; None without a goal.
    """

    title: str
    size: tuple[int, int]
    load: Callable[[], Call]
    goal: float | None = None


class StreamTask(NamedTuple):
    """Task of many photos in files, several at a time.

    Attributes:
        title: Words for the table.
        size: Width and height of the photos in pixels.
        load: Loads the model and returns a function that describes all files and yields once for each.
        goal: Photos per second on two cores that it should reach.
    """

    title: str
    size: tuple[int, int]
    load: Callable[[], Callable[[list[ImageFile]], Iterable[Any]]]
    goal: float | None = None


def _edges() -> Call:
    from shared.edges.detector import EdgeDetector

    return EdgeDetector.load("rds")


def _classification() -> Call:
    from shared.recognition.classifier import Classifier

    return Classifier.load("lite")


def _segmentation() -> Call:
    from shared.recognition.segmenter import Segmenter

    return Segmenter.load("fcfn")


def _matting() -> Call:
    from shared.matting.subject import SubjectMatting

    return SubjectMatting.load()


def _outfit() -> Call:
    from shared.restyle.parsing.parser import OutfitParser

    return OutfitParser.load()


def _pose() -> Call:
    from shared.restyle.pose.estimator import PoseEstimator

    return PoseEstimator.load()


def _colors() -> Call:
    from shared.translation.colorization.colorizer import Colorizer

    return Colorizer.load()


def _drawing() -> Call:
    from shared.translation.drawing.sketcher import Sketcher

    return Sketcher.load()


def _image_query() -> Call:
    from shared.retrieval.search import ImageSearch

    return ImageSearch.load().describe


def _image_gallery() -> Callable[[list[ImageFile]], Iterable[Any]]:
    from shared.retrieval.search import ImageSearch

    search = ImageSearch.load()
    return lambda files: search.describe_stream(_named(files), _raise)


def _word_gallery() -> Callable[[list[ImageFile]], Iterable[Any]]:
    from shared.crossmodal.search import CrossModalSearch

    search = CrossModalSearch.load()
    return lambda files: search.describe_stream(_named(files), _raise)


def _named(files: list[ImageFile]) -> Iterable[tuple[str, ImageFile]]:
    return ((file.name, file) for file in files)


def _raise(name: str, reason: str) -> None:
    raise ValueError(f"{name}: {reason}")


TASKS: dict[str, Task | StreamTask] = {
    "edges": Task("edges (RDS)", (481, 321), _edges, 40),
    "classification": Task("classification (CFN)", (640, 480), _classification, 80),
    "segmentation": Task("segmentation (FCFN)", (500, 375), _segmentation, 30),
    "matting": Task("main subject", (640, 480), _matting),
    "outfit": Task("clothes", (480, 640), _outfit),
    "pose": Task("pose", (480, 640), _pose),
    "colors": Task("colors for a grey photo", (640, 480), _colors),
    "drawing": Task("pencil drawing", (640, 480), _drawing),
    "query": Task("query of image search", (640, 480), _image_query),
    "image-gallery": StreamTask("gallery of image search, from files", (640, 480), _image_gallery, 60),
    "word-gallery": StreamTask("gallery of search with words, from files", (640, 480), _word_gallery, 60),
}
