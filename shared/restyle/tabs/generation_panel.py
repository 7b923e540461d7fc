"""Inputs of clothes that a large model paints: words, seed and steps, and buttons to start and stop it."""

from __future__ import annotations

import gradio as gr
from gradio.components import Component

from shared.core.diffusion.models import FLUX2_KLEIN_4B
from shared.restyle.engines import GENERATORS
from shared.restyle.generation.settings import MAX_STEPS, MIN_STEPS, STEPS, GenerationSettings

ENGINE = next(iter(GENERATORS))
START = "Make the picture"
NOTE = (
    f"{GENERATORS[ENGINE].description} Without one it takes {FLUX2_KLEIN_4B.cpu_gb:g} GB of memory, "
    "and is slow."
)
WORDS = "Describe the new garment"
EXAMPLES = ("a red wool coat", "a white shirt with blue stripes", "a black leather jacket", "a summer dress")
READY = f"Press “{START}” when you are ready. This takes a large model, so it does not start by itself."


class GenerationPanel:
    """Components of the inputs, created in open blocks, hidden at first.

    Args:
        with_words: True for a garment in words, False for an outfit of another photo.

    Attributes:
        group: Column of all components.
        words: Words for a garment; without meaning for an outfit.
        start: Button that starts a run.
        stop: Button that stops it.
    """

    def __init__(self, *, with_words: bool) -> None:
        with gr.Column(visible=False) as self.group:
            self.words = gr.Textbox(
                "", label=WORDS, placeholder=f"for example: {EXAMPLES[0]}", lines=2, visible=with_words
            )
            if with_words:
                gr.Examples([[text] for text in EXAMPLES], self.words, label="Or try one of these")
            with gr.Row():
                self.start = gr.Button(START, variant="primary", min_width=120)
                self.stop = gr.Button("Stop", interactive=False, min_width=80)
            gr.Markdown(NOTE, elem_classes="is-note")
            with gr.Accordion("Settings", open=False):
                self._seed = gr.Number(
                    0, label="Seed", precision=0, minimum=0, info="Another number, another picture"
                )
                self._steps = gr.Slider(MIN_STEPS, MAX_STEPS, STEPS, step=1, label="Steps")

    @property
    def settings(self) -> list[Component]:
        """Components whose values `parse_settings` takes."""
        return [self._seed, self._steps]


def parse_settings(seed: float | None, steps: float | None) -> GenerationSettings:
    """Return the settings of a run; fields that a visitor emptied are None.

    Raises:
        InputError: A setting is out of range.
    """
    return GenerationSettings(int(seed or 0), round(steps or STEPS))
