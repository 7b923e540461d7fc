"""Engines on a page: models that are loaded when needed, the menu, the comparison."""

import gradio as gr
import pytest
from huggingface_hub import constants
from PIL import Image

from shared.core import hub
from shared.core.engines import Engine, table
from shared.ui.engines import (
    NO_PHOTO,
    announce_download,
    compare_tab,
    engine_menu,
    inference_function,
    lazy_models,
)

ENGINES = table(Engine("a", "Best", "slow but good", load=dict), Engine("b", "Fast", "quick", load=dict))


@pytest.fixture
def models():
    """Models whose result names the engine, the image's width and the settings."""
    loaded = []

    def load(name):
        loaded.append(name)
        return lambda image, *settings: (name, image.width, *settings)

    return lazy_models(load, ENGINES), loaded


def test_models_are_loaded_once_when_needed(models):
    lazy, loaded = models
    assert list(lazy) == ["a", "b"]
    assert loaded == []
    infer = inference_function(lazy)
    image = Image.new("RGB", (3, 2))
    assert infer(image, "b", 5) == ("b", 3, 5)
    assert infer(image, "b") == ("b", 3)
    assert loaded == ["b"]


def test_another_function_of_the_model_can_run(models):
    infer = inference_function(models[0], lambda model, image, text: (model(image), text))
    assert infer(Image.new("RGB", (3, 2)), "a", "x") == (("a", 3), "x")


def test_the_menu_shows_titles_and_the_description_of_the_chosen_engine():
    with gr.Blocks() as demo:
        menu = engine_menu(ENGINES, value="b")
    assert menu.choices == [("Best", "a"), ("Fast", "b")]
    (event,) = demo.fns.values()
    assert '"a": "slow but good"' in event.js
    assert event.outputs[0].value == "quick"


def test_results_of_two_engines_are_compared():
    with gr.Blocks() as demo:
        image, menu = gr.Image(), engine_menu(ENGINES)
        with gr.Tabs():
            tab = compare_tab(lambda path, name, n: {name: n}, ENGINES, [image, menu], "b", kind=gr.Label)
    assert tab.fill("b", None, "a", 1) == [NO_PHOTO, None, None]
    note, first, second = tab.fill("b", "photo.jpg", "a", 0.5)
    assert (note, first.label, second.label) == ("", "Best", "Fast")
    same = "Both are “Best”: choose another engine to compare with."
    assert tab.fill("a", "photo.jpg", "a", 0.5) == [same, None, None]
    assert tab.progress_on == tab.outputs[1:]
    clear = next(event for event in demo.fns.values() if event.outputs == [tab.outputs[0]])
    assert (clear.targets, clear.inputs) == ([(image._id, "change")], [image])


@pytest.mark.parametrize(
    ("offline", "reachable", "notices"), [(False, True, 1), (False, False, 0), (True, True, 0)]
)
def test_a_download_is_announced_where_there_is_a_network(offline, reachable, notices, monkeypatch):
    texts = []
    monkeypatch.setattr(gr, "Info", texts.append)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(hub, "cached", lambda repository, revision: None)
    monkeypatch.setattr(hub, "reachable", lambda: reachable)
    announce_download(Engine("big", "Big network", "", load=dict, download_gb=1.2))
    assert len(texts) == notices
    assert all("Big network" in text and "1.2 GB" in text for text in texts)
