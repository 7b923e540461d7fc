"""Recognition: what a photo shows, where, and why the network says so; on a page, by API and as MCP tools."""

from contextlib import suppress

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.core.images import open_image, safe_stem
from shared.recognition.engines import CLASSIFIERS, SEGMENTERS
from shared.recognition.tabs import classification, explanation, segmentation

if TYPE_CHECKING:
    from shared.recognition.classifier import Classifier
    from shared.recognition.explanation import Explanation
    from shared.recognition.segmenter import Segmenter

WEIGHTS = [engine.weights for engine in (*CLASSIFIERS.values(), *SEGMENTERS.values())]


def load_classifier(engine: str) -> "Classifier":
    """Load the classifier of an engine."""
    from shared.recognition.classifier import Classifier

    return Classifier.load(engine)


def load_segmenter(engine: str) -> "Segmenter":
    """Load the segmenter of an engine."""
    from shared.recognition.segmenter import Segmenter

    return Segmenter.load(engine)


def explain_class(
    classifier: "Classifier", image: Image, label: str | None = None, method: str = "grad-cam"
) -> "Explanation":
    """Explain a class of an image, the likeliest one by default."""
    from shared.recognition.explanation import explain

    return explain(classifier, image, label, method)


NAMERS = ui.lazy_models(load_classifier, CLASSIFIERS)
FINDERS = ui.lazy_models(load_segmenter, SEGMENTERS)
_name = ui.inference_function(NAMERS)  # takes a picture, an engine and settings, as the next two do
_find = ui.inference_function(FINDERS)
_explain = ui.inference_function(NAMERS, explain_class)
CARD_IMAGE = "cat"  # the sample photo on the home page's card


def preview(picture: Image) -> Image:
    """One real prediction with the usual settings: for the home page's card and for /healthz."""
    return _explain(picture, "cfn").picture(0.9)


@ui.user_facing("recognition")
def classify(image: str, engine: str, top: int) -> dict:
    """Tell what a photo shows: the likeliest of 1000 kinds of animals, plants, things and places.

    Args:
        image: The photo: JPEG, PNG, WebP, GIF, BMP or TIFF.
        engine: Who answers: "cfn" is the best one here, "plain" the same network without its fusion.
        top: How many answers, from 1 to 20.

    Returns:
        The answers, best first, and whether the photo is so unlike the training photos that they need care.
    """
    return classification.as_json(_name(open_image(image), engine, int(top)))


@ui.user_facing("recognition")
def segment(image: str, engine: str) -> Image:
    """Show where things are in a photo: each pixel gets the color of its class.

    Args:
        image: The photo: JPEG, PNG, WebP, GIF, BMP or TIFF.
        engine: Who finds regions: "fcfn": people, animals, vehicles, furniture; "streets": what a car meets.

    Returns:
        The tinted photo, a PNG picture of its size.
    """
    return _find(open_image(image), engine).picture()


@ui.user_facing("recognition")
def explain(image: str, engine: str, label: str, method: str) -> Image:
    """Show why a photo is taken for a class: heat lies where the network found evidence for it.

    Args:
        image: The photo: JPEG, PNG, WebP, GIF, BMP or TIFF.
        engine: Who is asked: "cfn" is the best one here, "plain" the same network without its fusion.
        label: One of the 1000 classes, such as "tiger cat"; the likeliest one when empty.
        method: "grad-cam", or "occlusion", which hides one part of the photo after the other.

    Returns:
        The photo with the heat laid over it, a PNG picture of its size.
    """
    return _explain(open_image(image), engine, label or None, method).picture()


@ui.user_facing("recognition")
def recognize(image: str, engine: str, segmenter: str, label: str, method: str) -> tuple:
    """Tell all of a photo: what it shows, where things are, and why.

    Args:
        image: The photo: JPEG, PNG, WebP, GIF, BMP or TIFF.
        engine: Who classifies: "cfn" or "plain".
        segmenter: Who finds regions: "fcfn" or "streets".
        label: The class to explain, such as "tiger cat"; the likeliest one when empty.
        method: How to explain it: "grad-cam" or "occlusion".

    Returns:
        Classes, regions and explanation as plain values, and a ZIP with pictures: class ids (a PNG with a
        palette), a mask and a transparent cut-out of each region, and the heat, alone and over the photo.
    """
    picture = open_image(image)
    found, where = _name(picture, engine), _find(picture, segmenter)
    why = _explain(picture, engine, label or None, method)
    words = {
        "classes": classification.as_json(found),
        **where.as_dict(),
        "explanation": explanation.as_json(why),
    }
    return words, ui.zip_files(
        {**where.files(), **explanation.as_files(why)}, f"{safe_stem(image)}-recognition.zip"
    )


@ui.user_facing("recognition")
def recognize_many(images: list, engine: str, segmenter: str, progress=ui.PROGRESS) -> tuple:
    """Tell of many photos what they show and where: one ZIP with a table and pictures. Bad files are skipped.

    Args:
        images: The photos, at most 50 and at most 256 MB together.
        engine: Who classifies: "cfn" or "plain".
        segmenter: Who finds regions: "fcfn" or "streets".

    Returns:
        The ZIP file, with a CSV table in it, and for each photo its name and what became of it.
    """

    def work(picture: Image) -> tuple[dict, dict]:
        found, where = _name(picture, engine), _find(picture, segmenter)
        return segmentation.as_files(where), {**classification.as_row(found), **segmentation.as_row(where)}

    return ui.run_batch(images, work, "recognition", progress)


with ui.page("Recognition") as demo:
    ui.header("Recognition", "Find out what a photo shows, where things are in it, and what speaks for it.")
    with gr.Row():
        with gr.Column(scale=2):
            image = ui.image_input()
            ui.image_examples(image)
            engine = ui.engine_menu(CLASSIFIERS, "Classifier")
            segmenter = ui.engine_menu(SEGMENTERS, "Segmenter")
            with gr.Accordion("Settings", open=False):
                top = gr.Slider(1, 20, 5, step=1, label="Answers", info="How many classes are named")
            button = gr.Button("Recognize", variant="primary")
        with gr.Column(scale=3), gr.Tabs() as tabs:
            what = classification.answers("recognition", _name, [image, engine, top])
            where = segmentation.regions("recognition", _find, [image, segmenter])
            why, method = explanation.reasons("recognition", _name, _explain, [image, engine])
            pairs = classification.labels("recognition", _name)
            compared = ui.compare_tab(pairs, CLASSIFIERS, [image, engine, top], other="plain", kind=gr.Label)
            with gr.Tab("Several pictures"):
                images = ui.batch_tab(recognize_many, [engine, segmenter], "Recognize all of them")
    ui.how_it_works(Path(__file__).parent, WEIGHTS)
    changes = [image.change, engine.change, segmenter.change, top.release, button.click]
    ui.load_open_tab(tabs, [what, where, why, compared], changes)
    label = gr.Textbox("", label="Class", visible=False)  # of the API, where the menu's choices would be many
    ui.endpoint(classify, [image, engine, top], {"Classes": gr.JSON})
    ui.endpoint(segment, [image, segmenter], {"Regions": gr.Image})
    ui.endpoint(explain, [image, engine, label, method], {"Heat": gr.Image})
    ui.endpoint(recognize, [image, engine, segmenter, label, method], {"All": gr.JSON, "ZIP": gr.File})
    ui.endpoint(recognize_many, [images, engine, segmenter], {"ZIP": gr.File, "Report": gr.JSON})

if __name__ == "__main__":
    ui.launch(demo)
