"""Panel of the task that changes an image by words: a long run with progress, which a visitor can stop."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import gradio as gr
from gradio.components import Component

from shared.translation.editing.engine import EditorEngine
from shared.ui.components.drawing_editor import mask_editor
from shared.ui.components.image_inputs import image_files
from shared.ui.engines import engine_menu

REFERENCES_HINT = (
    "FLUX.2 takes up to three, which the words can name: “put the hat of the second picture on her”."
)

MASK = "Change only a part"
MASK_HINT = "Paint over what may change. Everything else stays exactly as it is."


class EditSettings(NamedTuple):
    """Components of an edit's settings, in the order of the fields of `EditValues`, after engine and words.

    A number of 0 stands for the engine's own value. The mask is empty for a task without one.
    """

    engine: gr.Dropdown
    prompt: gr.Textbox
    negative_prompt: gr.Textbox
    references: gr.File
    seed: gr.Number
    steps: gr.Slider
    guidance: gr.Slider
    strength: gr.Slider
    mask: Component


@dataclass(frozen=True)
class EditPanel:
    """Components of the panel.

    Attributes:
        settings: Settings of the edit.
        start: Button that starts it.
        stop: Button that stops it.
    """

    settings: EditSettings
    start: gr.Button
    stop: gr.Button


def edit_panel(
    engines: Mapping[str, EditorEngine], label: str, examples: Sequence[str], photo: gr.Image | None = None
) -> EditPanel:
    """Create the panel.

    Args:
        engines: Editors by name.
        label: Label of the words.
        examples: Words to try.
        photo: Input of the photo of which a part can be marked; None for a task without a mask.
    """
    prompt = gr.Textbox("", label=label, placeholder=f"for example: {examples[0]}", lines=2)
    gr.Examples([[text] for text in examples], prompt, label="Or try one of these")
    mask = gr.State() if photo is None else mask_editor(photo, MASK, MASK_HINT)
    engine = engine_menu(engines)
    with gr.Accordion("Settings", open=False):
        negative_prompt = gr.Textbox("", label="What must not be in it", info="Not all engines read this")
        references = image_files("Further pictures", height=120)
        gr.Markdown(REFERENCES_HINT, elem_classes="is-note")
        seed = gr.Number(0, label="Seed", precision=0, minimum=0, info="Another number, another picture")
        steps = gr.Slider(0, 50, 0, step=1, label="Steps", info="0 is the engine’s own number")
        guidance = gr.Slider(
            0, 15, 0, step=0.5, label="Guidance", info="Higher follows the words more closely; 0 is automatic"
        )
        strength = gr.Slider(
            0, 1, 0, step=0.05, label="Freedom", info="Higher keeps less of the picture; 0 is automatic"
        )
    with gr.Row():
        start = gr.Button("Make the picture", variant="primary")
        stop = gr.Button("Stop", interactive=False)
    return EditPanel(
        EditSettings(engine, prompt, negative_prompt, references, seed, steps, guidance, strength, mask),
        start,
        stop,
    )
