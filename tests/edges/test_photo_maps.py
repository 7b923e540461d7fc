"""Maps of visitors' photos: quick views, full sizes that can be stopped, new thresholds without a network."""

import threading

import numpy as np
import pytest
from PIL import Image

from shared.core.diffusion.monitor import Monitor
from shared.edges.edge_map import EdgeMap
from shared.edges.tabs import photo_maps
from shared.edges.tabs.photo_maps import MapSource, MapStore
from shared.ui.gallery.session_store import SessionStore

SESSION = SessionStore.new_key()


class Detector:
    """A detector of four tiles that records its calls; `on_tile` is called after each."""

    def __init__(self):
        self.calls, self.on_tile = [], lambda number: None

    def __call__(self, image, engine, threshold, detail, *, progress=None, stop=None):
        self.calls.append((image.size, detail))
        for number in range(1, 5):
            Monitor(progress, stop).check()
            self.on_tile(number)
            if progress is not None:
                progress(number, 4)
        soft = np.full((image.height, image.width), 0.5, np.float32)
        return EdgeMap(soft, (soft,) * 5, threshold or 0.4, engine)


@pytest.fixture
def detector():
    return Detector()


@pytest.fixture
def maps(detector, monkeypatch):
    monkeypatch.setattr(photo_maps, "LARGE_PIXELS", 10_000)
    monkeypatch.setattr(photo_maps, "QUICK_SIDE", 50)
    return MapStore(detector)


@pytest.fixture
def source(tmp_path):
    """Return a function that writes a photo of a size."""

    def write(width, height, detail="standard"):
        path = tmp_path / f"{width}.png"
        Image.new("RGB", (width, height)).save(path)
        return MapSource(str(path), "rds", detail)

    return write


def run(maps, stop=None, progress=lambda step, total: None):
    return maps.run(SESSION, progress, stop or threading.Event())


def test_a_small_photo_is_drawn_once_at_its_size(maps, detector, source):
    photo = source(100, 80)
    found, begins = maps.get(SESSION, photo)
    assert (found.is_quick, begins, found.edges.size, len(found.sides)) == (False, False, (100, 80), 5)
    assert found.at(0.7).threshold == 0.7
    assert found.at(0).threshold == 0.4
    assert found.at(0) is found.at(0)  # its lines are computed once
    assert maps.get(SESSION, photo)[0] is found
    assert len(detector.calls) == 1


def test_a_large_photo_is_drawn_at_screen_size_first(maps, detector, source):
    photo = source(200, 100, "high")
    quick, begins = maps.get(SESSION, photo)
    assert (quick.is_quick, begins, quick.size, quick.edges.size) == (True, True, (200, 100), (50, 25))
    assert maps.full(SESSION, photo) is None
    steps = []
    assert run(maps, progress=lambda step, total: steps.append((step, total)))
    full, begins = maps.get(SESSION, photo)
    assert (full.is_quick, begins, full.edges.size) == (False, False, (200, 100))
    assert steps == [(number, 4) for number in range(1, 5)]
    assert detector.calls == [((50, 25), "standard"), ((200, 100), "high")]
    assert not run(maps)  # it is there already
    assert len(detector.calls) == 2


def test_a_run_stops_within_a_tile_and_leaves_the_quick_view(maps, detector, source):
    photo, stop = source(200, 100), threading.Event()
    quick, _ = maps.get(SESSION, photo)
    tiles = []
    detector.on_tile = lambda number: (tiles.append(number), stop.set())
    assert run(maps, stop)
    assert tiles == [1]
    assert maps.is_stopped(SESSION)
    assert maps.get(SESSION, photo) == (quick, False)  # it does not begin again by itself
    stop.clear()
    detector.on_tile = lambda number: None
    assert maps.resume(SESSION)
    assert not maps.resume(SESSION)
    assert maps.get(SESSION, photo) == (quick, False)  # it has begun
    assert run(maps, stop)
    assert maps.full(SESSION, photo) is not None
    assert not maps.is_stopped(SESSION)


def test_a_run_goes_on_with_the_photo_on_the_page(maps, detector, source):
    first, second = source(200, 100), source(180, 90)
    maps.get(SESSION, first)
    detector.on_tile = lambda number: maps.get(SESSION, second) if detector.calls[-1][0] == (200, 100) else 0
    assert run(maps)
    assert maps.full(SESSION, first) is None
    assert maps.full(SESSION, second) is not None


def test_visitors_do_not_see_the_maps_of_others(maps, source):
    photo = source(200, 100)
    maps.get(SESSION, photo)
    run(maps)
    other = SessionStore.new_key()
    assert maps.full(other, photo) is None
    assert maps.get(other, photo)[0].is_quick


def test_maps_do_not_keep_the_side_outputs_in_memory(maps, source):
    found, _ = maps.get(SESSION, source(100, 80))
    assert found.edges.side_outputs == ()
    assert found.edges.soft.base is None
