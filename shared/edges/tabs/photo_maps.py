"""Maps of visitors' photos, kept for a while: a change of lines or colors needs no network.

A large photo is drawn twice: at screen size at once, and then at its full size, which takes a while.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from PIL.Image import Image

from shared.core.devices import on_zero_gpu, release_freed_memory
from shared.core.diffusion.monitor import Progress, StopRequest
from shared.core.errors import StoppedError
from shared.core.images import open_image, shrink
from shared.edges.edge_map import EdgeMap, map_image
from shared.ui.gallery.session_store import SessionStore

#: Pixels above which a photo is drawn at screen size first.
LARGE_PIXELS = 1_500_000
#: Longest side of a quick view, and of images for display.
QUICK_SIDE, DISPLAY_SIDE = 1024, 1600
MAX_BYTES = 512 * 2**20  # of all visitors together
TTL_SECONDS = 600
SIDE_NAMES = ("texture", "2", "3", "4", "objects")

#: Detects the edges of an image: `(image, engine, threshold, detail, **options)`; a threshold of 0 is the
#: engine's own, and the options are those of `EdgeDetector`.
Detect = Callable[..., EdgeMap]


class MapSource(NamedTuple):
    """Everything that the maps of a photo depend on.

    Attributes:
        path: Path of the photo.
        engine: Name of the engine.
        detail: Level of detail.
    """

    path: str
    engine: str
    detail: str


@dataclass
class PhotoMaps:
    """Maps of a photo.

    Attributes:
        source: Photo and settings.
        size: Width and height of the photo.
        is_quick: True for the maps of the photo at screen size.
        shown: The photo for display.
        sides: Side outputs for display with their names; none in a quick view.
        edges: The edges, without side outputs.
    """

    source: MapSource
    size: tuple[int, int]
    is_quick: bool
    shown: Image
    sides: list[tuple[Image, str]]
    edges: EdgeMap

    def at(self, threshold: float) -> EdgeMap:
        """Return the edges at a threshold, 0 for the engine's own; the latest ones are kept."""
        threshold = threshold or self._own_threshold
        if threshold != self.edges.threshold:
            self.edges = replace(self.edges, threshold=threshold)
        return self.edges

    def __post_init__(self) -> None:
        self._own_threshold = self.edges.threshold

    @property
    def bytes(self) -> int:
        """Approximate memory of the maps and images."""
        pixels = self.shown.width * self.shown.height
        lines = self.edges.soft.size
        return self.edges.soft.nbytes + lines + pixels * (3 + len(self.sides))


@dataclass
class VisitorMaps:
    """Maps of the photo that a visitor looks at.

    Attributes:
        wanted: Photo and settings of the page.
        quick: Maps at screen size.
        full: Maps at full size.
        runs: True while a full size is computed.
        stopped: True if the visitor stopped the full size of `wanted`.
    """

    wanted: MapSource | None = None
    quick: PhotoMaps | None = None
    full: PhotoMaps | None = None
    runs: bool = False
    stopped: bool = False

    @property
    def bytes(self) -> int:
        """Approximate memory of the maps."""
        return sum(maps.bytes for maps in (self.quick, self.full) if maps is not None)


class MapStore:
    """Maps of all visitors, within limits of memory and time.

    Args:
        detect: See `Detect`.
    """

    def __init__(self, detect: Detect) -> None:
        self._detect = detect
        self._visitors = SessionStore(
            VisitorMaps, ttl_seconds=TTL_SECONDS, max_bytes=MAX_BYTES, size=lambda visitor: visitor.bytes
        )

    def get(self, session: str, source: MapSource) -> tuple[PhotoMaps, bool]:
        """Return the best maps of a photo that are there at once, and True if a full size should be begun.

        Args:
            session: Key of the visitor, from `SessionStore.new_key`.
            source: Photo and settings; a run for the full size of another one ends soon.

        Raises:
            ImageError: The photo cannot be used.
        """
        visitor = self._visitors.get_or_create(session)
        if visitor.wanted != source:
            visitor.wanted, visitor.stopped = source, False
        for maps in (visitor.full, visitor.quick):
            if maps is not None and maps.source == source:
                break
        else:
            image = open_image(source.path)
            if image.width * image.height > LARGE_PIXELS:
                maps = visitor.quick = self._quick_maps(image, source)
            else:
                maps = visitor.full = self._full_maps(image, source)
            self._visitors.trim(session)
        return maps, maps.is_quick and not (visitor.runs or visitor.stopped)

    def is_stopped(self, session: str) -> bool:
        """Return True if the visitor stopped the full size of the present photo."""
        visitor = self._visitors.get(session)
        return visitor is not None and visitor.stopped

    def resume(self, session: str) -> bool:
        """Mark a stopped full size as one that goes on, and return True if it was stopped."""
        visitor = self._visitors.get(session)
        if visitor is None or not visitor.stopped:
            return False
        visitor.runs, visitor.stopped = True, False
        return True

    def full(self, session: str, source: MapSource) -> PhotoMaps | None:
        """Return the maps of a photo at full size, if they are there."""
        visitor = self._visitors.get(session)
        if visitor is None or visitor.full is None or visitor.full.source != source:
            return None
        return visitor.full

    def run(self, session: str, progress: Progress, stop: StopRequest) -> bool:
        """Compute the full size of the photo that a visitor looks at.

        If the visitor chooses another photo meanwhile, the run goes on with that one.

        Args:
            session: Key of the visitor.
            progress: Called after each tile.
            stop: The visitor's request to stop, read before each tile.

        Returns:
            True if there is something new to show.
        """
        visitor = self._visitors.get_or_create(session)
        visitor.runs, visitor.stopped = True, False
        try:
            while (source := visitor.wanted) is not None and self.full(session, source) is None:
                if visitor.quick is None or visitor.quick.source != source:
                    return True  # a small photo, whose maps come with the page's next call
                try:
                    watch = _Watch(visitor, source, stop)
                    # On ZeroGPU, which is fast, the network runs in a process of its own.
                    observers = {} if on_zero_gpu() else {"progress": progress, "stop": watch}
                    visitor.full = self._full_maps(open_image(source.path), source, **observers)
                    return True
                except StoppedError:
                    if visitor.wanted == source:
                        visitor.stopped = True
                        return True
            return visitor.wanted is None  # it has expired
        finally:
            visitor.runs = False
            self._visitors.trim(session)
            release_freed_memory()

    def _quick_maps(self, image: Image, source: MapSource) -> PhotoMaps:
        small = shrink(image, QUICK_SIDE)
        edges = self._detect(small, source.engine, 0, "standard")
        return PhotoMaps(source, image.size, True, small, [], _without_sides(edges))

    def _full_maps(self, image: Image, source: MapSource, **observers: Any) -> PhotoMaps:
        edges = self._detect(image, source.engine, 0, source.detail, **observers)
        sides = [(shrink(side, DISPLAY_SIDE), name) for side, name in side_images(edges)]
        shown = shrink(image, DISPLAY_SIDE)
        return PhotoMaps(source, image.size, False, shown, sides, _without_sides(edges))


def side_images(edges: EdgeMap) -> Iterator[tuple[Image, str]]:
    """Yield the side outputs as images with captions, from texture to objects."""
    for side, name in zip(edges.side_outputs, SIDE_NAMES, strict=True):
        yield map_image(side), name


def _without_sides(edges: EdgeMap) -> EdgeMap:
    """Return the edges alone; all maps share their memory, which a copy sets free."""
    return replace(edges, soft=edges.soft.copy(), side_outputs=())


@dataclass(frozen=True)
class _Watch:
    """Request to stop a run: the visitor's own, or another photo on the page."""

    visitor: VisitorMaps
    source: MapSource
    stop: StopRequest

    def is_set(self) -> bool:
        return self.stop.is_set() or self.visitor.wanted != self.source
