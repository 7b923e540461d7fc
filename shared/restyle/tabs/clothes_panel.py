"""Inputs of the tab "Change clothes": the photo, its garments, and the settings of each change."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import gradio as gr
from gradio.components import Component

from shared.core.images import encode_image
from shared.restyle.engines import PARSERS
from shared.restyle.garment.designs import DESIGNS, draw_design
from shared.restyle.tabs.changes import (
    CHOICES,
    COLOR,
    COLORS,
    FABRIC,
    METHODS,
    PALETTE,
    PATTERN,
    PRINTS,
    WORDS,
    ChangeValues,
)
from shared.restyle.tabs.generation_panel import GenerationPanel
from shared.ui.components.area_editor import area_editor
from shared.ui.components.color_menu import color_menu
from shared.ui.components.image_inputs import image_examples, image_input
from shared.ui.components.picture_menu import PictureChoice, picture_menu
from shared.ui.components.region_picker import parse_regions, region_picker
from shared.ui.engines import engine_menu
from shared.ui.events import Trigger
from shared.ui.sample_images import gallery_images

PICK = "Press a garment in the photo, or turn on several with their buttons."
PICK_SOURCE = "Press the garment to take it from."
PARSER_TITLE = "Clothes are found by"
EDIT = "Correct what changes"
EDIT_HINT = "Paint over what else should change, or erase what should not."
PEOPLE = ("astronaut", "photographer")  # names of sample photos
MENU_SIDE = 64  # of a pattern's picture, in pixels


class ClothesPanel:
    """Components of the inputs, created in open blocks: first the photo, then `create_settings`.

    Attributes:
        photo: Input of the photo.
        picker: Picker of its garments.
        editor: Editor of what changes.
        generation: Inputs of a garment in words.
        source: Input of another photo, for its fabric or colors.
        source_picker: Picker of its garments.
    """

    def __init__(self) -> None:
        self.photo = image_input(height=260, elem_classes="is-picked")
        image_examples(self.photo, images=(gallery_images()[name] for name in PEOPLE))
        self.picker = region_picker("Garments", PICK)

    def create_settings(self) -> None:
        """Create the settings, which have a place of their own on the page."""
        methods = [(title, name) for name, title in CHOICES.items()]
        self._method = gr.Radio(methods, value=COLOR, label="Give it")
        with gr.Column() as color_group:
            self._color = color_menu(COLORS, "Any other color")
            self._prints = gr.Radio(
                [(title, name) for name, title in PRINTS.items()], value="keep", label="Prints and trimmings"
            )
        with gr.Column(visible=False) as pattern_group:
            self._design = picture_menu(_designs(), "Pattern", small=True)
            self._own_colors = gr.Checkbox(label="In these colors instead")
            with gr.Row():
                self._ground = gr.ColorPicker("#ffffff", label="Ground", min_width=100)
                self._figure = gr.ColorPicker("#274b7a", label="Pattern", min_width=100)
            self._tile = image_input("Or a picture of your own as the pattern", height=150)
        with gr.Column(visible=False) as source_group:
            self.source = image_input("Photo to take it from", height=220, elem_classes="is-picked")
            self.source_picker = region_picker("Garments of the second photo", PICK_SOURCE)
        with gr.Row(visible=False) as size_group:
            self._size = gr.Slider(0.25, 4, 1, step=0.05, label="Size", min_width=120)
            self._angle = gr.Slider(-90, 90, 0, step=1, label="Angle", min_width=120)
        self._strength = gr.Slider(0, 1, 1, step=0.05, label="Strength", info="0 leaves the photo as it is")
        self.generation = GenerationPanel(with_words=True)
        self.editor = area_editor(EDIT, EDIT_HINT)
        with gr.Accordion(PARSER_TITLE, open=False):
            self._parser = engine_menu(PARSERS, PARSER_TITLE, show_label=False)
        shown_for = {
            color_group: (COLOR,),
            pattern_group: (PATTERN,),
            source_group: (FABRIC, PALETTE),
            size_group: (PATTERN, FABRIC),
            self.generation.group: (WORDS,),
            self._strength: tuple(METHODS),
        }
        self._method.change(
            lambda method: [gr.update(visible=method in methods) for methods in shown_for.values()],
            self._method,
            list(shown_for),
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )

    @property
    def settings(self) -> list[Component]:
        """Components whose values `parse` takes."""
        return [
            *(self._method, self._color, self._prints, self._design, self._own_colors, self._ground),
            *(self._figure, self._tile, self._size, self._angle, self.source, self.source_picker),
            *(self._strength, self._parser),
        ]

    @staticmethod
    def parse(*values: Any) -> ChangeValues:
        """Return the values of the settings."""
        by_name = dict(zip((field.name for field in fields(ChangeValues)), values, strict=True))
        by_name["source_regions"] = parse_regions(by_name["source_regions"])
        return ChangeValues(**by_name)

    @property
    def triggers(self) -> list[Trigger]:
        """Events after which the result differs."""
        sliders = (self._size, self._angle, self._strength)
        items: list[Any] = [self.photo, self.picker, self.editor, *self.settings]
        changes = [item.change for item in items if item not in sliders]
        return [*changes, *(slider.release for slider in sliders)]


def _designs() -> list[PictureChoice]:
    return [
        PictureChoice(name, design.title, encode_image(draw_design(name, side=MENU_SIDE)), design.title)
        for name, design in DESIGNS.items()
    ]
