"""Endpoints for programs and agents besides those of single images: many files, and edits by words."""

from collections.abc import Callable

import gradio as gr
from PIL.Image import Image

from shared.core.images import open_image
from shared.translation.drawing.styles import STYLES as DRAWING_STYLES
from shared.translation.engines import EDITORS
from shared.translation.painting.styles import DEFAULT_STYLE
from shared.translation.painting.styles import STYLES as PAINTING_STYLES
from shared.translation.result import Translation
from shared.translation.tabs.edit_runs import EDITING
from shared.translation.tabs.runners import Runners
from shared.translation.tabs.task_panel import TaskPanels
from shared.translation.tabs.translations import TRANSLATIONS, available_translations, systems
from shared.ui.batch import PROGRESS, BatchResult, run_batch
from shared.ui.components.image_inputs import image_files, image_input
from shared.ui.errors import user_facing
from shared.ui.events import endpoint


class ApiInputs:
    """Hidden inputs of the endpoints: those of the page hold titles or depend on the task.

    Attributes:
        image: Image.
        task: Name of a translation.
        engine: Name of a system.
        style: Name of a painted style.
    """

    def __init__(self) -> None:
        self.image = image_input("Image", visible=False)
        self.task = gr.Dropdown(list(available_translations()), label="Task", visible=False)
        self.engine = gr.Dropdown(
            list(systems(TRANSLATIONS[self.task.value].task)), label="Engine", visible=False
        )
        self.style = gr.Dropdown(list(PAINTING_STYLES), value=DEFAULT_STYLE, label="Style", visible=False)


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
    task = gr.Dropdown(["draw", "color", "paint", *available_translations()], label="Task", visible=False)
    drawing_style = gr.Dropdown(list(DRAWING_STYLES), label="Drawing", visible=False)
    settings = [task, inputs.engine, drawing_style, inputs.style]
    endpoint(translate_many, [files, *settings], {"ZIP": gr.File, "Report": gr.JSON})


def edit_endpoint(space: str, tasks: TaskPanels, run: Runners, inputs: ApiInputs) -> None:
    """Offer edits by words.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        tasks: Tasks of the page.
        run: Functions that run the engines.
        inputs: Hidden inputs.
    """

    @user_facing(space)
    def edit(
        image: str, engine: str, prompt: str, seed: int, steps: int, guidance: float, strength: float
    ) -> Image:
        """Change a photo, or make a photo of a drawing, by words; slow without a GPU.

        Args:
            image: The photo or drawing: JPEG, PNG, WebP, GIF, BMP or TIFF.
            engine: The editor; "controlnet-scribble" takes line drawings, "controlnet-segmentation" areas.
            prompt: What to change, such as "make it winter", or what the drawing shows.
            seed: Seed of the noise; another one gives another result.
            steps: Number of steps; 0 is the engine's own.
            guidance: Weight of the words, up to 15; 0 is the engine's own.
            strength: Freedom of the result, up to 1: higher keeps less of the image; 0 is the engine's own.

        Returns:
            The result, a PNG image of the same size.
        """
        return run.edit(open_image(image), engine, prompt, seed, steps, guidance, strength).image

    engine = gr.Dropdown(list(EDITORS), label="Editor", visible=False)
    panel = next(panel.edit for panel in tasks.panels.values() if panel.edit)
    endpoint(edit, [inputs.image, engine, *panel.settings[1:]], {"Result": gr.Image}, concurrency=EDITING)
