"""Endpoints for programs and agents: plain images in and out."""

from collections.abc import Sequence

import gradio as gr
from gradio.components import Component
from PIL.Image import Image

from shared.core.images import open_image
from shared.recognition.people import summary
from shared.recognition.tabs.classification import Classify
from shared.recognition.tabs.segmentation import Segment
from shared.recognition.tabs.subject import FindSubject
from shared.ui.batch import BatchItem
from shared.ui.errors import user_facing
from shared.ui.events import endpoint

TOP_K = 5  # classes of a photo in the table


def image_endpoints(
    space: str, run_segmenter: Segment, find_subject: FindSubject, inputs: Sequence[Component]
) -> None:
    """Offer the tinted photo and the cut-out of the main subject through the API and as MCP tools.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        run_segmenter: Function that runs a segmenter.
        find_subject: Function that runs the matting network.
        inputs: The image and the engine menu of the segmenter.
    """

    @user_facing(space)
    def segment(image: str, engine: str) -> Image:
        """Show where things are in a photo: the photo as a PNG, each pixel tinted in the color of its class.

        Things that are not among the 20 kinds of "fcfn" are gray.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            engine: The segmenter: "fcfn" for people, animals, vehicles and furniture, "streets" for traffic;
                "eomt" is a large public network that names everything, 150 kinds in all.
        """
        return run_segmenter(open_image(image), engine).overlay()

    @user_facing(space)
    def main_subject(image: str) -> Image:
        """Cut out the main subject of a photo, whatever it is: a transparent PNG of the photo's size.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
        """
        return find_subject(open_image(image), "subject").cutout()

    endpoint(segment, inputs, {"Regions": gr.Image})
    endpoint(main_subject, inputs[:1], {"Subject": gr.Image})


def batch_item(classify: Classify, segment: Segment, engine: str, segmenter: str, photo: Image) -> BatchItem:
    """Recognize one of many photos.

    Args:
        classify: Function that runs a classifier.
        segment: Function that runs a segmenter.
        engine: Name of the classifier.
        segmenter: Name of the segmenter.
        photo: The photo.
    """
    classes, regions = classify(photo, engine, TOP_K), segment(photo, segmenter)
    row = {**classes.as_row(), **regions.as_row()}
    return BatchItem(regions.preview_files(), row, summary(classes, regions))
