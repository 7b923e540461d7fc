"""The tabs What, Where, Subject and Why, on results made by hand."""

import re
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from shared.core.images import ImageError
from shared.matting.matte import Matte
from shared.recognition import explanation as explanation_module
from shared.recognition.classifier import Classification, ClassPrediction
from shared.recognition.explanation import Explanation
from shared.recognition.open_labels import NONE
from shared.recognition.segmentation import Segmentation
from shared.recognition.tabs import classification, explanation, finding, segmentation, subject

LABELS = ("background", "cat", "tv monitor")


@pytest.fixture
def photo(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "gradio"))
    path = tmp_path / "photo.png"
    Image.new("RGB", (40, 20), "teal").save(path)
    return str(path)


def classifier(probability=0.5):
    def classify(image, engine, top_k=5, labels=None):
        predictions = tuple(ClassPrediction(f"Class {n}", n, probability / (n + 1)) for n in range(top_k))
        empty = np.zeros(0, np.float32)
        return Classification(predictions, empty, empty, 0.25, False, engine, seconds=0.1)

    return classify


def segmenter(ids):
    def segment(image, engine):
        confidence = np.full(ids.shape, 0.5, np.float16)
        return Segmentation(image, ids, confidence, LABELS, background=0, engine=engine)

    return segment


def explain(image, engine, class_id, method):
    """Return an explanation with heat everywhere, but none for class 7."""
    return Explanation(
        image=image,
        label=f"Class {class_id}",
        id=class_id,
        probability=0.5,
        heatmap=np.full((20, 40), float(class_id != 7), np.float32),
        contributions={"objects": 2.0, "textures": -0.5, "bias": 0.25},
        method=method,
        engine=engine,
    )


def create(make_tab):
    """Return a tab on a page of its own."""
    with gr.Blocks():
        inputs = [gr.Textbox(), gr.Textbox(), gr.Number()]
        with gr.Tabs():
            tab = make_tab(inputs)
    return tab[0] if isinstance(tab, tuple) else tab


def what_tab(probability=0.5):
    classify = classifier(probability)
    segment = segmenter(np.zeros((20, 40), np.uint8))
    return create(lambda inputs: classification.classification_tab("test", classify, segment, inputs))


def where_tab(ids=None):
    segment = segmenter(np.zeros((20, 40), np.uint8) if ids is None else ids)
    return create(lambda inputs: segmentation.segmentation_tab("test", segment, inputs[:2]))


def subject_tab(coverage=0.5, confidence=0.9):
    def find_subject(image, engine):
        alpha = Image.new("L", image.size)
        alpha.paste(255, (0, 0, image.width // 2, image.height))
        return Matte(image, alpha, coverage, confidence, seconds=0.1)

    return create(lambda inputs: subject.subject_tab("test", find_subject, inputs[0]))


def why_tab():
    return create(lambda inputs: explanation.explanation_tab("test", classifier(), explain, inputs[:2]))


@pytest.mark.parametrize(("probability", "doubtful"), [(0.9, False), (0.3, True)])
def test_warning_where_the_network_is_not_sure(photo, probability, doubtful):
    tab = what_tab(probability)
    label, person, warning, note = tab.fill(photo, "cfn", 5, "")
    assert list(label) == [f"Class {n}" for n in range(5)]
    assert (person.visible, warning.visible) == (False, doubtful)
    assert note.startswith("40 × 20 pixels")
    assert tab.outputs[2].value.startswith("The network is not sure")


def test_a_doubtful_answer_has_its_kind(photo):
    def classify(image, engine, top_k, labels=None):
        empty = np.zeros(0, np.float32)
        best = (ClassPrediction("a class", 0, 0.3),)
        return Classification(best, empty, empty, 0, False, engine, kind="dog")

    segment = segmenter(np.zeros((20, 40), np.uint8))
    tab = create(lambda inputs: classification.classification_tab("test", classify, segment, inputs))
    _, _, warning, _ = tab.fill(photo, "lite", 1, "")
    assert warning.value.endswith("It is most likely a kind of dog.")


@pytest.mark.parametrize(
    ("synset", "probability", "area", "text"),
    [
        ("n04350905", 0.95, 20, "so it names what they wear."),  # a suit
        ("n04350905", 0.95, 1, None),
        ("n04493381", 0.21, 20, "so it names something else in it."),  # a tub, for a portrait
        ("n02123045", 0.95, 20, None),  # a tabby cat, surely
        (None, 0.3, 20, None),  # a label of the visitor's own
    ],
)
def test_people_are_named_where_the_network_names_something_else(photo, synset, probability, area, text):
    def classify(image, engine, top_k, labels=None):
        empty = np.zeros(0, np.float32)
        best = (ClassPrediction("a class", 0, probability, synset),)
        return Classification(best, empty, empty, 0, False, engine)

    def segment(image, engine):
        ids = np.zeros((20, 40), np.uint8)
        ids[:, :area] = 1
        confidence = np.ones(ids.shape, np.float16)
        return Segmentation(image, ids, confidence, ("background", "person"), 0, "fcfn")

    tab = create(lambda inputs: classification.classification_tab("test", classify, segment, inputs))
    _, person, *_ = tab.fill(photo, "cfn", 1, "")
    assert person.visible is (text is not None)
    assert text is None or person.value.endswith(text)


def test_a_typed_word_is_passed_on(photo):
    targets = []

    def explain_word(image, engine, target, method):
        targets.append(target)
        return explain(image, engine, 3, method)

    tab = create(lambda inputs: explanation.explanation_tab("test", classifier(), explain_word, inputs[:2]))
    for word in ("corgi (20.1%)", ""):
        choice = [photo, "cfn", word, 0.0]
        menu, *_ = tab.fill(photo, "cfn", "grad-cam", choice, [photo, "cfn", 8])
        assert menu == gr.update(value=3)
    assert targets == ["corgi", 8]


def test_an_unknown_word_leaves_the_class_as_it_was(photo, monkeypatch):
    warnings = []
    monkeypatch.setattr(gr, "Warning", warnings.append)

    def explain_number(image, engine, target, method):
        if isinstance(target, str):
            raise ImageError(f"There is no class {target!r} here.")
        return explain(image, engine, target, method)

    tab = create(lambda inputs: explanation.explanation_tab("test", classifier(), explain_number, inputs[:2]))
    choice, shown = [photo, "cfn", "foun", 0.0], [photo, "cfn", 4]
    menu, _, note, _, shown_after = tab.fill(photo, "cfn", "grad-cam", choice, shown)
    assert (menu, shown_after) == (gr.update(value=4), shown)
    assert "“Class 4”" in note
    assert warnings == ["There is no class 'foun' here."]


def test_the_newest_photo_is_explained_by_its_likeliest_class(photo):
    """A class that was chosen for the photo before is none of the new one's."""
    for shown in (["old", "cfn", 3], [photo, "cfn", 0]):  # the second event of an upload finds it done
        for target in (3, "foun"):
            choice = ["old", "cfn", target, 0.0]
            menu, _, note, _, shown_after = why_tab().fill(photo, "cfn", "grad-cam", choice, shown)
            assert (menu["value"], shown_after) == (0, [photo, "cfn", 0])
            assert "“Class 0”" in note


@pytest.mark.parametrize(
    ("value", "text"), [(-0.001, "0.00"), (0.0, "0.00"), (0.004, "0.00"), (-0.5, "−0.50"), (2, "+2.00")]
)
def test_scores_of_stages_have_no_negative_zero(value, text):
    assert explanation._signed(value) == text


def test_comparison_of_two_engines(photo):
    tab = create(lambda inputs: classification.comparison_tab("test", classifier(), inputs))
    *_, first, second = tab.fill("plain", photo, "lite", 2)
    assert (first.label, second.label) == ("Best answers (CFN)", "Plain network")
    assert [answer["label"] for answer in first.value["confidences"]] == ["Class 0", "Class 1"]


def test_regions_have_the_colors_of_their_classes(photo):
    ids = np.zeros((20, 40), np.uint8)
    ids[:, :20], ids[:5, 30:] = 1, 2
    regions, note, chart, *_ = where_tab(ids).fill(photo, "fcfn")
    assert regions.color_map == {"cat": "#800000", "tv monitor": "#008000"}
    assert [annotation["label"] for annotation in regions.value["annotations"]] == ["cat", "tv monitor"]
    assert "Click on a region" in note
    assert "50.0%" in chart
    assert "background:#008000" in chart


def test_region_is_cut_out_at_its_full_size(photo):
    ids = np.zeros((20, 40), np.uint8)
    ids[2:12, 5:30] = 2
    with gr.Blocks() as demo:
        inputs = [gr.Textbox(), gr.Textbox()]
        with gr.Tabs():
            segmentation.segmentation_tab("test", segmenter(ids), inputs)
    cut_out = next(event.fn for event in demo.fns.values() if event.targets[0][1] == "select")
    image, button = cut_out(photo, "fcfn", SimpleNamespace(index=0))
    assert (image.visible, image.label) == (True, "tv monitor, 25 × 10 pixels")
    assert Path(button.value["path"]).name == "photo-tv monitor.png"
    cutout = Image.open(button.value["path"])
    assert (cutout.mode, cutout.size, cutout.getchannel("A").getextrema()) == ("RGBA", (25, 10), (255, 255))


def test_photo_without_regions(photo):
    _, note, chart, cutout, save, pack, archive = where_tab().fill(photo, "fcfn")
    assert note.startswith(segmentation.NO_REGIONS)
    assert chart == ""
    assert not save.interactive
    assert not pack.interactive
    assert not cutout.visible
    assert not archive.visible


def test_subject_is_cut_out_at_its_full_size(photo):
    image, note, button = subject_tab().fill(photo)
    assert note == "40 × 20 pixels, 0.10 s"
    assert Path(button.value["path"]).name == "photo-subject.png"
    for path in (image, button.value["path"]):
        cutout = Image.open(path)
        assert (cutout.mode, cutout.size) == ("RGBA", (40, 20))
        assert np.array_equal(np.asarray(cutout)[..., 3] == 255, np.indices((20, 40))[1] < 20)


def test_subject_that_is_unsure_or_missing(photo):
    image, note, button = subject_tab(confidence=0.3).fill(photo)
    assert note.startswith(subject.UNSURE)
    assert image is not None
    assert button.interactive
    image, note, button = subject_tab(coverage=0.001).fill(photo)
    assert note.startswith(subject.NO_SUBJECT)
    assert image is None
    assert not button.interactive
    image, note, button = subject_tab().fill(None)
    assert (image, note, button.interactive) == (None, subject.HINT, False)


def test_class_menu_belongs_to_the_photo_and_the_engine(photo):
    tab = why_tab()
    menu, images, note, chart, shown = tab.fill(photo, "cfn", "grad-cam", None, None)
    assert menu["value"] == 0
    assert len(menu["choices"]) == explanation.CLASSES
    assert menu["choices"][0] == ("Class 0 (50.0%)", 0)
    assert menu["choices"][explanation.LIKELIEST] == ("Class 5", 5)
    assert len(images) == 2
    assert note.startswith("The network is 50.0% sure that this is “Class 0”")
    assert re.findall("<dt>(.*?)</dt>", chart) == ["textures", "objects", "bias"]
    assert "−0.50" in chart
    choice = [photo, "cfn", 3, 0.0]
    same_photo, *_ = tab.fill(photo, "cfn", "grad-cam", choice, shown)
    assert same_photo == gr.update(value=3)
    second_engine, *_ = tab.fill(photo, "plain", "grad-cam", choice, shown)
    assert second_engine["value"] == 0


def test_class_without_evidence(photo):
    choice = [photo, "cfn", 7, 0.0]
    _, _, note, *_ = why_tab().fill(photo, "cfn", "occlusion", choice, [photo, "cfn", 0])
    assert note.startswith("Nothing in this photo looks like “Class 7” to the network.")


def test_tabs_without_a_photo_say_what_to_do(photo):
    label, person, warning, note = what_tab().fill(None, "cfn", 5, "")
    assert (label, person.visible, warning.visible, note) == (None, False, False, classification.HINT)
    regions, note, chart, *updates = where_tab().fill(None, "fcfn")
    assert (regions, note, chart) == (None, segmentation.HINT, "")
    assert len(updates) == 4
    result = why_tab().fill(None, "cfn", "grad-cam", None, [photo, "cfn", 0])
    assert result[1:3] == [None, explanation.HINT]


def test_labels_are_for_the_engine_that_reads_them(photo):
    received = []

    def classify(image, engine, top_k=5, labels=None):
        received.append(labels)
        empty = np.zeros(0, np.float32)
        return Classification((ClassPrediction(NONE, 0, 0.9),), empty, empty, 0, False, engine)

    segment = segmenter(np.zeros((20, 40), np.uint8))
    tab = create(lambda inputs: classification.classification_tab("test", classify, segment, inputs))
    _, _, warning, _ = tab.fill(photo, "siglip2", 5, "my cat, a sofa")
    assert (warning.visible, warning.value) == (True, classification.NO_LABEL_FITS)
    tab.fill(photo, "lite", 5, "my cat, a sofa")
    assert received == ["my cat, a sofa", None]


def test_an_engine_without_reasons_says_so(photo):
    _, images, note, chart, shown = why_tab().fill(photo, "siglip2", "grad-cam", None, None)
    assert (images, chart, shown) == (None, "", None)
    assert "“Your own labels (SigLIP 2)” cannot give reasons" in note


def test_the_photo_waits_for_words_or_a_click(photo):
    tab = create(lambda inputs: finding.finding_tab("test", lambda *_: None, inputs[0]))
    picture, note, cutout, save = tab.fill(None)
    assert (picture, note, cutout.visible, save.interactive) == (None, finding.HINT, False, False)
    picture, note, cutout, save = tab.fill(photo)
    assert Image.open(picture).size == (40, 20)
    assert (note, cutout.visible, save.interactive) == (finding.READY, False, False)


def test_things_that_were_found(photo):
    ids = np.zeros((20, 40), np.uint8)
    ids[5:15, 10:30] = 1
    assert finding._results(photo, segmenter(ids)(Image.open(photo), "sam2"), "")[1].startswith("Cut out.")
    result = segmenter(ids)(Image.open(photo), "grounding-dino")
    _, note, cutout, save = finding._results(photo, result, "nothing")
    assert note.startswith("Found: cat (50%).")
    assert Image.open(cutout.value["path"]).size == (20, 10)
    assert Image.open(save.value["path"] if isinstance(save.value, dict) else save.value).size == (40, 20)
    result = segmenter(np.zeros((20, 40), np.uint8))(Image.open(photo), "sam2")
    _, note, cutout, save = finding._results(photo, result, "nothing")
    assert (note, cutout.visible, save.interactive) == ("nothing", False, False)


def test_methods_are_those_of_the_capability():
    assert tuple(name for _, name in explanation.METHOD_CHOICES) == explanation_module.METHODS
