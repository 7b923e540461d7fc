"""The tabs What, Where and Why, on results of our own making."""

import io
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from shared.recognition import explanation as explanation_module
from shared.recognition.classifier import ClassPrediction
from shared.recognition.explanation import Explanation
from shared.recognition.segmentation import Segmentation
from shared.recognition.tabs import classification, explanation, segmentation

LABELS = ("background", "cat", "tv monitor")


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    path = tmp_path / "photo.png"
    Image.new("RGB", (40, 20), "teal").save(path)
    return str(path)


def classify(out_of_distribution=False):
    def run(picture, engine, top=5):
        predictions = tuple(ClassPrediction(f"Class {n}", n, 0.5 / (n + 1)) for n in range(top))
        return SimpleNamespace(
            predictions=predictions, out_of_distribution=out_of_distribution, ood_score=0.25, engine=engine, seconds=0.1
        )

    return run


def segment(ids):
    def run(picture, engine):
        confidence = np.full(ids.shape, 0.5, np.float16)
        return Segmentation(picture, ids, confidence, LABELS, background=0, engine=engine)

    return run


def explained(picture, engine, number, method):
    return Explanation(
        image=picture,
        label=f"Class {number}",
        id=number,
        probability=0.5,
        heat=np.full((20, 40), float(number != 7), np.float32),
        branches={"objects": 2.0, "textures": -0.5, "bias": 0.25},
        method=method,
        engine=engine,
    )


def view(make):
    """A tab on a page of its own."""
    with gr.Blocks():
        inputs = [gr.Textbox(), gr.Textbox()]
        with gr.Tabs():
            made = make(inputs)
    return made[0] if isinstance(made, tuple) else made


@pytest.mark.parametrize("out_of_distribution", [False, True])
def test_a_word_of_caution_where_it_is_due(photo, out_of_distribution):
    tab = view(lambda inputs: classification.answers("test", classify(out_of_distribution), inputs))
    label, care, words = tab.function(photo, "cfn")
    assert list(label) == [f"Class {n}" for n in range(5)]
    assert care.visible is out_of_distribution
    assert words.startswith("40 × 20 pixels")
    assert tab.outputs[1].value == (
        "This photo looks unlike everything the network was trained on: treat the answers with care."
    )


def test_answers_as_values():
    found = classify()(None, "cfn", 2)
    assert classification.as_json(found)["predictions"][1] == {"label": "Class 1", "id": 1, "probability": 0.25}
    assert classification.as_row(found) == {
        **{"class 1": "Class 0", "probability 1": 0.5, "class 2": "Class 1", "probability 2": 0.25},
        "out_of_distribution": "no",
    }


def test_regions_have_the_colors_of_their_classes(photo):
    ids = np.zeros((20, 40), np.uint8)
    ids[:, :20], ids[:5, 30:] = 1, 2
    tab = view(lambda inputs: segmentation.regions("test", segment(ids), inputs))
    picture, words, areas, *_ = tab.function(photo, "fcfn")
    assert picture.color_map == {"cat": "#800000", "tv monitor": "#008000"}
    assert [part["label"] for part in picture.value["annotations"]] == ["cat", "tv monitor"]
    assert "Click on a region" in words
    assert "50.0%" in areas
    assert "background:#008000" in areas
    assert segmentation.as_row(segment(ids)(Image.open(photo), "")) == {
        "regions": "cat 0.5000; tv monitor 0.0625"
    }


def test_a_region_is_cut_out_at_its_full_size(photo):
    ids = np.zeros((20, 40), np.uint8)
    ids[2:12, 5:30] = 2
    with gr.Blocks() as demo:
        inputs = [gr.Textbox(), gr.Textbox()]
        with gr.Tabs():
            segmentation.regions("test", segment(ids), inputs)
    cut_out = next(event.fn for event in demo.fns.values() if event.targets[0][1] == "select")
    shown, button = cut_out(photo, "fcfn", SimpleNamespace(index=0))
    assert (shown.visible, shown.label) == (True, "tv monitor, 25 × 10 pixels")
    assert Path(button.value["path"]).name == "photo-tv monitor.png"
    alone = Image.open(button.value["path"])
    assert (alone.mode, alone.size, alone.getchannel("A").getextrema()) == ("RGBA", (25, 10), (255, 255))


def test_nothing_is_found(photo):
    tab = view(lambda inputs: segmentation.regions("test", segment(np.zeros((20, 40), np.uint8)), inputs))
    _, words, areas, cutout, save, pack, archive = tab.function(photo, "fcfn")
    assert words.startswith(segmentation.NOTHING)
    assert areas == ""
    assert not save.interactive
    assert not pack.interactive
    assert not cutout.visible
    assert not archive.visible


def test_the_class_belongs_to_the_photo(photo):
    tab = view(lambda inputs: explanation.reasons("test", classify(), explained, inputs))
    menu, pair, words, parts, about = tab.function(photo, "cfn", None, "grad-cam", None)
    assert menu["value"] == 0
    assert len(menu["choices"]) == explanation.CLASSES
    assert menu["choices"][0] == ("Class 0 (50.0%)", 0)
    assert menu["choices"][explanation.LIKELY] == ("Class 10", 10)  # from here on by name
    assert len(pair) == 2
    assert words.startswith("Class 0: 50.0% sure")
    assert parts.index("textures") < parts.index("objects") < parts.index("bias")
    assert "−0.50" in parts
    chosen, *_ = tab.function(photo, "cfn", 3, "grad-cam", about)
    assert chosen == gr.update(value=3)
    other, *_ = tab.function(photo, "plain", 3, "grad-cam", about)  # another engine starts anew
    assert other["value"] == 0


def test_nothing_speaks_for_a_class(photo):
    tab = view(lambda inputs: explanation.reasons("test", classify(), explained, inputs))
    _, _, words, *_ = tab.function(photo, "cfn", 7, "occlusion", [photo, "cfn"])
    assert words.startswith("Nothing in this photo speaks for the class")


def test_without_a_photo_a_tab_says_what_to_do(photo):
    tab = view(lambda inputs: classification.answers("test", classify(), inputs))
    label, care, words = tab.function(None, "cfn")
    assert (label, care.visible, words) == (None, False, classification.HINT)
    tab = view(lambda inputs: segmentation.regions("test", segment(np.zeros((20, 40), np.uint8)), inputs))
    picture, words, areas, *below = tab.function(None, "fcfn")
    assert (picture, words, areas) == (None, segmentation.HINT, "")
    assert len(below) == 4
    tab = view(lambda inputs: explanation.reasons("test", classify(), explained, inputs))
    assert tab.function(None, "cfn", 3, "grad-cam", [photo, "cfn"])[1:3] == [None, explanation.HINT]


def test_the_methods_are_those_of_the_wing():
    assert tuple(name for _, name in explanation.METHODS) == explanation_module.METHODS


def test_files_of_an_explanation():
    files = explanation.as_files(explained(Image.new("RGB", (40, 20)), "cfn", 1, "grad-cam"))
    modes = {name: Image.open(io.BytesIO(data)).mode for name, data in files.items()}
    assert modes == {"heat.png": "L", "heat-over-photo.png": "RGB"}
