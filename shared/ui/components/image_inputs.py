"""Inputs for images and for lists of integers; images are passed on as paths of files, not decoded.

`shared.core.images.open_image` opens them, so that its limits and its error messages apply to every image.
"""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import gradio as gr
from gradio.components import Component

from shared.core.errors import InputError
from shared.ui.errors import user_facing
from shared.ui.events import on_event
from shared.ui.gradio_workarounds import IntegerList, PathImage, allow_paths, path_files
from shared.ui.sample_images import sample_images

#: Value of `image_files`.
Paths: TypeAlias = list[str] | None

#: Suffixes of images whose type many browsers do not know.
HEIC_SUFFIXES = [".heic", ".heif"]
NO_PHOTO = "Please choose a photo first."


def image_input(label: str = "Photo", **settings: Any) -> gr.Image:
    """Create an input for one image (upload, paste or webcam), which gives a path or None.

    Args:
        label: Title of the component, which API callers see too.
        **settings: Further arguments of `gr.Image`.
    """
    defaults: dict[str, Any] = {
        "type": "filepath",
        "image_mode": None,
        "sources": ["upload", "clipboard", "webcam"],
        "height": 340,
        "buttons": ["fullscreen"],
    }
    return PathImage(label=label, **{**defaults, **settings})


def image_files(label: str = "Photos", **settings: Any) -> gr.File:
    """Create an input for many images, which gives a list of paths.

    Args:
        label: Title of the component, which API callers see too.
        **settings: Further arguments of `gr.File`.
    """
    defaults: dict[str, Any] = {"file_count": "multiple", "file_types": ["image"], "height": 220}
    settings = {**defaults, **settings}
    if "image" in settings["file_types"]:
        settings["file_types"] = [*settings["file_types"], *HEIC_SUFFIXES]
    return path_files(label=label, **settings)


def image_examples(
    target: gr.Image, names: Collection[str] | None = None, images: Iterable[Path] | None = None
) -> None:
    """Create a row of sample photos; a click puts a photo into an input, whose `change` event follows.

    The files are served from their place: Gradio would remove copies in its cache together with uploads.

    Args:
        target: The input.
        names: Names from `sample_images()`; all by default.
        images: Other images to use instead.
    """
    samples = (path for name, path in sample_images().items() if names is None or name in names)
    paths = list(samples if images is None else images)
    allow_paths(paths)
    with gr.Column(elem_classes="is-examples"):
        gr.Examples([str(path) for path in paths], target, label="Or try one of these", examples_per_page=12)


def integer_list(label: str) -> gr.JSON:
    """Create a hidden input for a list of integers, empty at first; the value is not checked.

    Args:
        label: Name of the input in the API.
    """
    return IntegerList([], label=label, visible=False)


def carry_over(inputs: Sequence[tuple[gr.Tab, Component]]) -> None:
    """Give a tab that is opened without a photo the photo of another tab.

    Args:
        inputs: Tabs and their inputs for one image. Of several photos, that of the first tab is taken.
    """

    def photo_of_another(path: str | None, *others: str | None) -> object:
        return gr.skip() if path else next(filter(None, others), gr.skip())

    for tab, image in inputs:
        others = [other for _, other in inputs if other is not image]
        on_event([tab.select], photo_of_another, [image, *others], image, concurrency=None)


def require_photo(space: str, button: gr.Button, image: Component) -> None:
    """Tell a visitor who presses a button without a photo to choose one.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        button: The button.
        image: Component of the photo.
    """

    @user_facing(space)
    def check_photo(path: str | None) -> None:
        if not path:
            raise InputError(NO_PHOTO)

    on_event([button.click], check_photo, [image], [], concurrency=None)
