"""Painted clothes on the page: when a run starts, what it gets and shows, stops, errors, and the parser."""

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from shared.core.errors import GenerationError, InputError, StoppedError
from shared.restyle.editor import Restyling
from shared.restyle.engines import GENERATORS
from shared.restyle.generation.settings import GenerationSettings
from shared.restyle.tabs.changes import WORDS
from shared.restyle.tabs.clothes_state import Shown
from shared.restyle.tabs.clothes_tab import ClothesTab, clothes_tab
from shared.restyle.tabs.generation_panel import NOTE, READY
from shared.restyle.tabs.photos import Photos
from shared.restyle.tabs.runners import create_runners
from shared.restyle.tabs.wear_tab import Shown as ShownPhotos
from shared.restyle.tabs.wear_tab import WearTab, wear_tab
from shared.ui.long_runs import stop_file
from tests.restyle.drawn_outfits import SIZE, find_outfit, settings, values_of

FLUX = next(iter(GENERATORS))
REQUEST = gr.Request(session_hash="visitor")


class Painter:
    """Model that reports two steps, paints everything red, and remembers its calls."""

    def __init__(self):
        self.calls = []

    def dress(self, person, engine, outfit, settings, *, progress, stop):
        self.calls.append((person.size, engine, outfit.size, settings))
        return self.paint(person, settings, progress, stop)

    def repaint(self, image, engine, mask, words, settings, *, progress, stop):
        self.calls.append((image.size, engine, np.asarray(mask), words, settings))
        return self.paint(image, settings, progress, stop)

    def paint(self, image, settings, progress, stop):
        for step in (1, 2):
            progress(step, 2)
        if settings.seed == 13:
            stop.set()
            raise StoppedError("Stopped: no picture was made.")
        if settings.seed == 99:
            raise GenerationError("This device ran out of memory.")
        return Restyling(Image.new("RGB", image.size, "red"), "painted", 1.5)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))


@pytest.fixture
def painter():
    return Painter()


@pytest.fixture
def runners(run, painter):
    return run._replace(dress=painter.dress, repaint=painter.repaint)


@pytest.fixture
def photos(runners):
    return Photos(runners)


@pytest.fixture
def wear(photos, runners):
    with gr.Blocks(), gr.Row():
        return WearTab(photos, runners)


@pytest.fixture
def clothes(photos):
    with gr.Blocks(), gr.Row():
        return ClothesTab(photos)


@pytest.fixture
def events(photos, runners):
    """Functions of the page by name."""
    with gr.Blocks() as demo, gr.Tabs():
        clothes_tab("restyle", photos, runners)
        wear_tab("restyle", photos, runners)
    return {event.name: event.fn for event in demo.fns.values() if event.fn is not None}


def test_the_note_is_honest_about_memory():
    assert all(text in NOTE for text in ("16 GB to download", "needs a GPU with 12 GB", "35 GB of memory"))


def test_an_outfit_is_not_painted_by_itself(wear, painter, files):
    outputs = values_of(wear, wear.change(files["person"], files["other"], "", "", ShownPhotos(), FLUX, 1.0))
    assert outputs[wear.view.slider] is None
    assert READY in outputs[wear.view.caution].value
    assert painter.calls == []
    outputs = values_of(
        wear, wear.change(files["person"], files["other"], "", "", ShownPhotos(), "colors", 1.0)
    )
    assert outputs[wear.view.slider] is not None
    assert painter.calls == []  # nor for the comparison


def test_an_outfit_is_painted(events, painter, files):
    outputs = events["paint_outfit"](files["person"], files["other"], "", "", FLUX, 7, 3, REQUEST)
    assert painter.calls == [(SIZE, FLUX, SIZE, GenerationSettings(7, 3))]
    assert [Image.open(path).size for path in outputs[0]] == [SIZE] * 2
    assert outputs[1] == "120 × 160 pixels, 1.50 s"


def test_one_of_several_people_is_painted(wear, painter, files):
    observers = {"progress": lambda *step: None, "stop": None}
    paths = files["pair"], files["wall"]  # clothes need nobody in them
    outputs = wear.paint(*paths, "2:top", "", FLUX, GenerationSettings(), **observers)
    (call,) = painter.calls
    assert call[0][0] < 60
    result = np.asarray(Image.open(outputs[3]["value"]), int)
    assert result[80, 88].tolist() == [255, 0, 0]
    assert result[:, :60, 0].max() < 230  # the other person, and the wall


def test_photos_of_an_outfit_may_show_nobody(wear, files):
    outputs = values_of(wear, wear.change(files["person"], files["wall"], "", "", ShownPhotos(), FLUX, 1.0))
    assert READY in outputs[wear.view.caution].value
    outputs = values_of(wear, wear.change(files["person"], None, "", "", ShownPhotos(), FLUX, 1.0))
    assert "Now choose the photo" in outputs[wear.view.caution].value


def test_a_garment_in_words_waits_for_its_button(clothes, painter, files):
    values = settings(clothes, method=WORDS)
    outputs = values_of(clothes, clothes.change(files["person"], "", None, Shown(), [], *values))
    assert outputs[clothes.panel.picker]["value"] == "1:bottom"
    assert outputs[clothes.view.slider] is None
    assert outputs[clothes.view.caution].value == READY
    assert painter.calls == []


def test_a_garment_is_painted(events, painter, files):
    shown = Shown(files["person"], ("1:top",))
    outputs = events["paint_garment"](files["person"], None, shown, [], " a red coat ", 7, 3, REQUEST)
    ((size, engine, mask, words, values),) = painter.calls
    assert (size, engine, words, values) == (SIZE, FLUX, " a red coat ", GenerationSettings(7, 3))
    assert mask[60, 60] == 255
    assert mask[120, 60] == 0
    assert [Image.open(path).size for path in outputs[0]] == [SIZE] * 2
    (entry,) = outputs[-1]
    assert (entry.title, entry.shown) == ("a red coat", shown)


def test_corrections_count(clothes, painter, files, runners, tmp_path):
    Image.new("L", SIZE, 255).save(tmp_path / "marked.png")
    shown, observers = Shown(files["wall"], ()), {"progress": lambda *step: None, "stop": None}
    arguments = (files["wall"], str(tmp_path / "marked.png"), shown, [], "a coat", GenerationSettings())
    clothes.paint(runners, *arguments, **observers)
    assert painter.calls[0][2].min() == 255
    with pytest.raises(InputError, match="no clothes in this photo"):
        clothes.paint(runners, files["wall"], None, shown, [], "a coat", GenerationSettings(), **observers)


@pytest.mark.parametrize(
    ("seed", "steps", "reason"),
    [(99, 4, "ran out of memory"), (0, 40, "number of steps"), (-1, 4, "The seed must")],
)
def test_errors_are_one_sentence(events, files, seed, steps, reason):
    with pytest.raises(gr.Error, match=reason):
        events["paint_outfit"](files["person"], files["other"], "", "", FLUX, seed, steps, REQUEST)
    shown = Shown(files["person"], ("1:top",))
    with pytest.raises(gr.Error, match=reason):
        events["paint_garment"](files["person"], None, shown, [], "a coat", seed, steps, REQUEST)


def test_missing_photos_are_named(events, files):
    with pytest.raises(gr.Error, match="no photo “Wears what” yet"):
        events["paint_outfit"](files["person"], None, "", "", FLUX, 0, 4, REQUEST)
    with pytest.raises(gr.Error, match="no photo yet"):
        events["paint_garment"](None, None, Shown(), [], "a coat", 0, 4, REQUEST)


def test_a_stop_is_no_error(events, files):
    outputs = events["paint_outfit"](files["person"], files["other"], "", "", FLUX, 13, None, REQUEST)
    assert outputs[0] is None
    assert outputs[2].value == "Stopped: no picture was made."
    shown = Shown(files["person"], ("1:top",))
    outputs = events["paint_garment"](files["person"], None, shown, [], "a coat", 13, None, REQUEST)
    assert outputs[0] is None
    assert outputs[-1] == gr.skip()  # earlier results stay
    assert not stop_file(REQUEST).is_set()


def test_nothing_is_downloaded_without_words():
    image = Image.new("RGB", (40, 30))
    with pytest.raises(InputError, match="no words yet"):
        create_runners().repaint(image, FLUX, Image.new("L", image.size, 255), " ", GenerationSettings())


def test_another_parser_finds_the_clothes_anew(run, files):
    calls = []

    def parse(image, parser):
        calls.append(parser)
        return find_outfit(image)

    with gr.Blocks(), gr.Row():
        tab = ClothesTab(Photos(run._replace(outfit=parse)))
    first = tab.change(files["person"], "", None, Shown(), [], *settings(tab))
    values = settings(tab, parser="segformer")
    second = tab.change(files["person"], "1:bottom", None, first[3], first[-1], *values)
    assert calls == ["outfit", "segformer"]
    assert second[0]["value"] == "1:bottom"
    assert second[3] == Shown(files["person"], ("1:bottom",), None, "segformer")
    assert len(second[-1]) == 2  # the earlier result stays
