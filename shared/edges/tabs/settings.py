"""Settings of a drawing: style, thin lines, threshold, detail and simplification."""

from typing import NamedTuple

import gradio as gr

from shared.edges.curves import TOLERANCE
from shared.edges.edge_map import STYLES
from shared.edges.engines import SCALES
from shared.ui.events import Trigger


class Settings(NamedTuple):
    """Components of the settings, in the order of the endpoints' arguments."""

    style: gr.Radio
    thin: gr.Checkbox
    threshold: gr.Slider
    detail: gr.Radio
    simplification: gr.Slider

    @property
    def changes(self) -> list[Trigger]:
        """Events after which the drawing differs."""
        return [
            self.style.change,
            self.thin.change,
            self.threshold.release,
            self.detail.change,
            self.simplification.release,
        ]


def settings_panel() -> Settings:
    """Create the folded panel of settings."""
    with gr.Accordion("Settings", open=False):
        return Settings(
            style=gr.Radio(list(STYLES), value=STYLES[0], label="Line style"),
            thin=gr.Checkbox(label="Thin lines", info="Lines of one pixel instead of soft edges"),
            threshold=gr.Slider(
                0,
                0.95,
                0,
                step=0.01,
                label="Threshold",
                info="For thin lines: higher draws fewer, 0 is automatic",
            ),
            detail=gr.Radio(
                list(SCALES), value="standard", label="Detail", info="High takes about three times as long"
            ),
            simplification=gr.Slider(
                0.2,
                5,
                TOLERANCE,
                step=0.1,
                label="Simplification of the SVG",
                info="Pixels by which a curve may miss its line: higher is smoother, and the file is smaller",
            ),
        )
