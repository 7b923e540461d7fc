"""Recognition of photos: classes, regions and explanations; a page, an API and MCP tools."""

from contextlib import suppress
from functools import partial

with suppress(ImportError):
    import spaces  # noqa: F401  Hugging Face's package: on ZeroGPU it must be imported before torch

from pathlib import Path
from typing import Any

import gradio as gr
from PIL.Image import Image

from shared import ui
from shared.core.file_names import safe_stem
from shared.core.images import open_image
from shared.matting.engine_rows import SUBJECTS
from shared.recognition import tabs
from shared.recognition.classifier import Classifier
from shared.recognition.engines import CLASSIFIERS, SEGMENTERS
from shared.recognition.explanation import explain as explain_class
from shared.recognition.segmenter import Segmenter
from shared.recognition.unknown_regions import segment_and_check

SPACE = "recognition"
CARD_IMAGE = "cat"  # the sample photo on the home page's card

LAZY_CLASSIFIERS = ui.lazy_models(Classifier.load, CLASSIFIERS)
run_classifier = ui.inference_function(LAZY_CLASSIFIERS)
run_explanation = ui.inference_function(LAZY_CLASSIFIERS, explain_class)
LAZY_SEGMENTERS = ui.lazy_models(Segmenter.load, SEGMENTERS)
# The thresholds for regions were chosen with the answers of this classifier.
segment_known = partial(segment_and_check, classifier=LAZY_CLASSIFIERS["cfn"])
run_segmenter = ui.inference_function(LAZY_SEGMENTERS, segment_known)
run_subject = ui.inference_function(ui.lazy_models(lambda name: SUBJECTS[name].load(), SUBJECTS))


def preview(image: Image) -> Image:
    """Return a result with the default settings, for the home page's card and for /healthz."""
    return run_explanation(image, "lite").overlay(0.9)


@ui.user_facing(SPACE)
def classify(image: str, engine: str, top_k: int, labels: str) -> dict[str, Any]:
    """Tell what a photo shows: the likeliest of 1000 kinds of animals, plants, things and places.

    Args:
        image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        engine: The classifier: ours are "lite", "plain" and "cfn"; "dinov2" is large, "siglip2" takes labels.
        top_k: Number of answers, from 1 to 20.
        labels: Labels to choose from, separated by commas, for "siglip2" alone; empty for its everyday kinds.

    Returns:
        Classes, best first, with probabilities, and whether the best one is in doubt.
    """
    return run_classifier(open_image(image), engine, int(top_k), labels or None).as_dict()


@ui.user_facing(SPACE)
def explain(image: str, engine: str, label: str, method: str) -> Image:
    """Show what makes a network see a class in a photo: the photo as a PNG under a heat map of the evidence.

    Args:
        image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        engine: The classifier: "lite", "plain", "cfn" or "dinov2".
        label: A class or a kind, such as "tiger cat", "corgi" or "dog"; the likeliest class if empty.
        method: "grad-cam", or "occlusion", which hides one part of the photo after the other.
    """
    return run_explanation(open_image(image), engine, label or None, method).overlay()


@ui.user_facing(SPACE)
def recognize(image: str, engine: str, segmenter: str, label: str, method: str) -> tuple[dict[str, Any], str]:
    """Tell everything about a photo: what it shows, where things are, and why.

    Args:
        image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        engine: The classifier: "lite", "plain", "cfn" or "dinov2".
        segmenter: The segmenter: "fcfn", "streets" or "eomt".
        label: The class or kind to explain, such as "corgi" or "dog"; the likeliest class if empty.
        method: How to explain it: "grad-cam" or "occlusion".

    Returns:
        Classes, regions and explanation, and a ZIP with class ids, masks, transparent cut-outs and heat maps.
    """
    photo = open_image(image)
    classes, regions = run_classifier(photo, engine), run_segmenter(photo, segmenter)
    reason = run_explanation(photo, engine, label or None, method)
    values = {"classification": classes.as_dict(), **regions.as_dict(), "explanation": reason.as_dict()}
    return values, ui.zip_files({**regions.files(), **reason.files()}, f"{safe_stem(image)}-recognition.zip")


@ui.user_facing(SPACE)
def recognize_many(
    images: list[str], engine: str, segmenter: str, progress: gr.Progress = ui.PROGRESS
) -> ui.BatchResult:
    """Tell what many photos show and where: a ZIP with a table and images, and what each photo shows.

    Args:
        images: The photos, at most 50 and at most 256 MB together.
        engine: The classifier.
        segmenter: The segmenter: "fcfn", "streets" or "eomt".
        progress: Progress bar of the page.
    """
    recognize_one = partial(tabs.batch_item, run_classifier, run_segmenter, engine, segmenter)
    return ui.run_batch(images, recognize_one, SPACE, progress)


with ui.page("Recognition") as demo:
    ui.header("Recognition", "See what a photo shows, where things are in it, and which parts gave it away.")
    with gr.Row():
        with gr.Column(scale=2):
            image = ui.image_input()
            ui.image_examples(image)
            engine = ui.engine_menu(CLASSIFIERS, "Classifier")
            segmenter = ui.engine_menu(SEGMENTERS, "Segmenter")
            with gr.Accordion("Settings", open=False):
                top_k = gr.Slider(1, 20, 5, step=1, label="Answers", info="How many answers to show")
            button = gr.Button("Recognize", variant="primary")
        with gr.Column(scale=3), gr.Tabs() as all_tabs:
            question = [image, engine, top_k]
            what, labels = tabs.classification_tab(SPACE, run_classifier, run_segmenter, question)
            where = tabs.segmentation_tab(SPACE, run_segmenter, [image, segmenter])
            why, method = tabs.explanation_tab(SPACE, run_classifier, run_explanation, [image, engine])
            subject = tabs.subject_tab(SPACE, run_subject, image)
            things = tabs.finding_tab(SPACE, tabs.lazy_finder(), image)
            compared = tabs.comparison_tab(SPACE, run_classifier, question)
            images = ui.batch_tab(recognize_many, [engine, segmenter], "Recognize all of them")
    engines = [*CLASSIFIERS.values(), *SEGMENTERS.values(), *SUBJECTS.values()]
    offline = [row.weights for row in engines if row.weights and not row.from_hub]
    ui.how_it_works(Path(__file__).parent, offline)
    ui.require_photo(SPACE, button, image)
    changes = [image.change, engine.change, segmenter.change, top_k.release, button.click]
    ui.load_open_tab(all_tabs, [what, where, subject, things, why, compared], changes)
    label = gr.Textbox("", label="Class", visible=False)  # the API takes any text; the menu lists the classes
    ui.endpoint(classify, [*question, labels], {"Classes": gr.JSON})
    tabs.image_endpoints(SPACE, run_segmenter, run_subject, [image, segmenter])
    ui.endpoint(explain, [image, engine, label, method], {"Heat": gr.Image})
    ui.endpoint(recognize, [image, engine, segmenter, label, method], {"All": gr.JSON, "ZIP": gr.File})
    ui.endpoint(recognize_many, [images, engine, segmenter], {"ZIP": gr.File, "Report": gr.JSON})

if __name__ == "__main__":
    ui.launch(demo)
