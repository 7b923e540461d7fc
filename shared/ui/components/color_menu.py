"""A menu of colors, as buttons, with an input for any other color."""

import html
from collections.abc import Mapping

import gradio as gr

from shared.ui import assets


def color_menu(colors: Mapping[str, str], label: str, value: str | None = None) -> gr.ColorPicker:
    """Create a row of colors to press, and below it an input for any color, whose value is the result.

    Args:
        colors: Colors as `"#rrggbb"` by their names.
        label: Title of the input, which API callers see too.
        value: Color at the start; by default the first one.
    """
    value = value or next(iter(colors.values()))
    buttons = "".join(_button(name, color, pressed=color == value) for name, color in colors.items())
    name = html.escape(label)
    menu = gr.HTML(
        value,
        label=f"{label}: choices",
        html_template=f'<div class="is-swatches" role="group" aria-label="{name}">{buttons}</div>',
        js_on_load=assets.script("picture_menu"),
        apply_default_css=False,
        padding=False,
    )
    picker = gr.ColorPicker(value, label=label)
    menu.change(None, [menu], [picker], js="color => color", api_visibility="private")
    picker.change(None, [picker], [menu], js="color => color", api_visibility="private")
    return picker


def _button(name: str, color: str, *, pressed: bool) -> str:
    title, state = html.escape(name), str(pressed).lower()
    attributes = f'data-name="{color}" title="{title}" aria-label="{title}" aria-pressed="{state}"'
    return f'<button type="button" {attributes} style="background:{color}"></button>'
