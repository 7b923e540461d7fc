"""Endpoints for programs and agents besides those of single images: many files, and edits by words."""

from collections.abc import Callable

import gradio as gr
from PIL.Image import Image

from shared.core.images import open_image
from shared.translation.drawing.styles import STYLES as DRAWING_STYLES
from shared.translation.painting.styles import DEFAULT_STYLE
from shared.translation.painting.styles import STYLES as PAINTING_STYLES
from shared.translation.result import Translation
from shared.translation.tabs.runners import EditValues, Runners, offered_editors
from shared.translation.tabs.translations import TRANSLATIONS
from shared.translation.translator_rows import SYSTEMS
from shared.ui.batch import PROGRESS, BatchResult, run_batch
from shared.ui.components.image_inputs import image_files, image_input
from shared.ui.errors import user_facing
from shared.ui.events import endpoint
from shared.ui.long_runs import LARGE_MODELS


class ApiInputs:
    """Hidden inputs of the endpoints: those of the page belong to a task, and hold titles.

    Attributes:
        image: Image.
        drawing: Style, detail and darkness of a drawing.
        saturation: Strength of colors.
        lines: Share of the lines of a drawing that stay.
        painting: Style, strength, the choice to keep the colors, and an image of the style.
        translation: Name of a translation, and name of a system.
        edit: Settings of an edit.
    """

    def __init__(self) -> None:
        with gr.Row(visible=False):
            self.image = image_input("Image")
            self.drawing = [
                gr.Dropdown(list(DRAWING_STYLES), label="Drawing style"),
                gr.Slider(0, 2, 1, label="Detail"),
                gr.Slider(0.3, 2, 1, label="Darkness"),
            ]
            self.saturation = gr.Slider(0, 2, 1, label="Saturation")
            self.lines = gr.Slider(0, 1, 0.5, label="Lines")
            self.painting = [
                gr.Dropdown(list(PAINTING_STYLES), value=DEFAULT_STYLE, label="Painted style"),
                gr.Slider(0, 1, 1, label="Strength"),
                gr.Checkbox(label="Keep colors"),
                image_input("Style image"),
            ]
            self.translation = [
                gr.Dropdown(list(TRANSLATIONS), label="Translation"),
                gr.Dropdown(list(SYSTEMS), label="Network"),
            ]
            self.edit = [
                gr.Dropdown(list(offered_editors()), label="Editor"),
                gr.Textbox(label="Prompt"),
                gr.Textbox("", label="Negative prompt"),
                gr.Number(0, precision=0, minimum=0, label="Seed"),
                gr.Slider(0, 100, 0, step=1, label="Steps"),
                gr.Slider(0, 15, 0, label="Guidance"),
                gr.Slider(0, 1, 0, label="Freedom"),
                image_files("References"),
                image_input("Mask"),
            ]


def translation_endpoints(space: str, run: Runners, inputs: ApiInputs) -> None:
    """Offer the learned translations, there, and there and back.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        run: Functions that run the engines.
        inputs: Hidden inputs.
    """

    @user_facing(space)
    def translate(image: str, task: str, engine: str) -> Image:
        """Turn a drawing of a house front, a street or a face into a photo, or such a photo into a drawing.

        Args:
            image: The picture to start from: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            task: What to turn into what. Labels are drawings in which each part has a color of its own.
            engine: The network: "pix2pix" learned from pairs; "cyclegan", "long" and "nest" learned without.

        Returns:
            The result, a PNG image of the same size.
        """
        row = TRANSLATIONS[task]
        return run.translate(open_image(image), row.engine(engine), row.direction).image

    @user_facing(space)
    def translate_cycle(image: str, task: str, engine: str) -> Image:
        """Translate a picture there and back again; the closer the result, the less was lost on the way.

        Args:
            image: The picture to start from: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            task: What to turn into what, and back.
            engine: The network: "pix2pix", "cyclegan", "long" or "nest".

        Returns:
            The picture after the way back, a PNG image of the same size.
        """
        row = TRANSLATIONS[task]
        return run.cycle(open_image(image), row.engine(engine), row.direction).back.image

    endpoint(translate, [inputs.image, *inputs.translation], {"Result": gr.Image})
    endpoint(translate_cycle, [inputs.image, *inputs.translation], {"Result": gr.Image})


def batch_endpoint(space: str, run: Runners, inputs: ApiInputs) -> None:
    """Offer every task for many files.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        run: Functions that run the engines.
        inputs: Hidden inputs.
    """

    @user_facing(space)
    def translate_many(
        images: list[str],
        task: str,
        engine: str,
        drawing_style: str,
        painting_style: str,
        progress: gr.Progress = PROGRESS,
    ) -> BatchResult:
        """Draw, color, paint or translate many pictures: a ZIP with a PNG for each; bad files are skipped.

        Args:
            images: The pictures, at most 50 and at most 256 MB together.
            task: "draw", "color", "paint", or a translation, as for the tool translate.
            engine: Network of a translation: "pix2pix", "cyclegan", "long" or "nest".
            drawing_style: Material of "draw".
            painting_style: Style of "paint".
            progress: Progress bar of the page.

        Returns:
            The ZIP file, and the name and the outcome of each picture.
        """
        functions: dict[str, Callable[[Image], Translation]] = {
            "draw": lambda image: run.sketch(image, drawing_style, 1.0, 1.0),
            "color": lambda image: run.colorize(image, 1.0),
            "paint": lambda image: run.paint(image, painting_style, 1.0, False),
        }

        def process(image: Image) -> dict[str, bytes]:
            if task in functions:
                return functions[task](image).files()
            row = TRANSLATIONS[task]
            return run.translate(image, row.engine(engine), row.direction).files()

        return run_batch(images, process, space, progress)

    files = image_files(visible=False)
    task = gr.Dropdown(["draw", "color", "paint", *TRANSLATIONS], label="Task", visible=False)
    settings = [task, inputs.translation[1], inputs.drawing[0], inputs.painting[0]]
    endpoint(translate_many, [files, *settings], {"ZIP": gr.File, "Report": gr.JSON})


def edit_endpoint(space: str, run: Runners, inputs: ApiInputs) -> None:
    """Offer edits by words.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        run: Functions that run the engines.
        inputs: Hidden inputs.
    """

    @user_facing(space)
    def edit(
        image: str,
        engine: str,
        prompt: str,
        negative_prompt: str,
        seed: int,
        steps: int,
        guidance: float,
        strength: float,
        references: list[str] | None = None,
        mask: str | None = None,
    ) -> Image:
        """Change a photo, or make a photo of a drawing, by words; slow without a GPU.

        Args:
            image: The photo or drawing: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            engine: The editor; "controlnet-scribble" takes line drawings, "controlnet-segmentation" areas.
            prompt: What to change, such as "make it winter", or what the drawing shows.
            negative_prompt: What must not be in the result; "flux2-klein" does not read this.
            seed: Seed of the noise; another one gives another result.
            steps: Number of steps; 0 is the engine's own.
            guidance: Weight of the words, up to 15; 0 is the engine's own.
            strength: Freedom of the result, up to 1: higher keeps less of the image; 0 is the engine's own.
            references: Up to three further pictures that the words can name; for "flux2-klein" only.
            mask: Picture, white where the photo may change; "flux2-klein" and "instruct-pix2pix" only.

        Returns:
            The result, a PNG image of the same size.
        """
        values = EditValues(negative_prompt, references or (), seed, steps, guidance, strength, mask)
        return run.edit(open_image(image), engine, prompt, values).image

    endpoint(edit, [inputs.image, *inputs.edit], {"Result": gr.Image}, concurrency=LARGE_MODELS)
