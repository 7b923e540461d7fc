"""A menu of choices with pictures, as buttons in a grid."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from shared.core.images import encode_image, open_image, shrink
from shared.ui import assets

PICTURE_SIDE = 240  # pixels; sharp on a phone's screen


@dataclass(frozen=True)
class PictureChoice:
    """One choice of a menu.

    Attributes:
        name: Value of the menu while the choice is pressed.
        title: Name on the page.
        picture: Content of an image file.
        text: A few words below the title, and in the tooltip.
    """

    name: str
    title: str
    picture: bytes
    text: str = ""


def picture_menu(
    choices: Sequence[PictureChoice], label: str, value: str | None = None, *, small: bool = False
) -> gr.HTML:
    """Create a menu, whose value is the name of the pressed choice.

    Args:
        choices: The choices, row by row.
        label: Name of the menu for screen readers.
        value: Name of the choice that is pressed at the start; by default the first one.
        small: True for small pictures, of which many fit; the texts are in the tooltips only.
    """
    value = value or choices[0].name
    buttons = "".join(_button(choice, pressed=choice.name == value, small=small) for choice in choices)
    name = html.escape(label)
    return gr.HTML(
        value,
        label=label,
        html_template=f'<div class="is-choices" role="group" aria-label="{name}">{buttons}</div>',
        js_on_load=assets.script("picture_menu"),
        apply_default_css=False,
        padding=False,
        elem_classes="is-small-choices" if small else "is-large-choices",
    )


def panel(menu: gr.HTML, *names: str) -> gr.Column:
    """Create a column that is shown while one of some choices of a menu is pressed; see `open_panels`.

    Args:
        menu: From `picture_menu`; a page has panels of one menu.
        names: Names of the choices.
    """
    closed = [] if menu.value in names else ["is-closed"]
    return gr.Column(elem_classes=["is-panel", *(f"is-for-{name}" for name in names), *closed])


def open_panels(menu: gr.HTML) -> None:
    """Show the panels of a menu's pressed choice at each press, and hide the others."""
    menu.change(None, [menu], js=assets.script("open_panels"), api_visibility="private")


def _button(choice: PictureChoice, *, pressed: bool, small: bool) -> str:
    name, title, text = (html.escape(part) for part in (choice.name, choice.title, choice.text))
    caption = "" if small else f"<small>{text}</small>"
    return (
        f'<button type="button" data-name="{name}" title="{text}" aria-pressed="{str(pressed).lower()}">'
        f'<img src="{picture_url(choice.picture)}" alt="">'
        f"<span><b>{title}</b>{caption}</span></button>"
    )


def picture_url(content: bytes, max_side: int = PICTURE_SIDE) -> str:
    """Return an image file as a data URL of a small WebP, for HTML that needs no further request.

    Args:
        content: Content of an image file.
        max_side: Longest side in pixels.
    """
    webp = encode_image(shrink(open_image(content), max_side), "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(webp).decode()
