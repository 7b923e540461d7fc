"""Checks of values from programs and pages against components: one sentence says what a value must be."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component

from shared.core.errors import InputError
from shared.ui.gradio_workarounds import IntegerList, PathFiles, PathImage

_MAX_NUMBER = 2**53  # integers up to it are the same in JSON, JavaScript and Python
_MAX_EXCERPT, _MAX_CHOICES = 40, 110  # characters of a value, and of a list of choices, in a sentence


def check_value(component: Component, name: str, value: Any) -> None:
    """Check the value of an argument.

    Args:
        component: Component that the value is for; states and components of other types take any value.
        name: Name of the argument, for the sentence.
        value: The value as JSON gives it; None is accepted where the component has no default value.

    Raises:
        InputError: The value is of a wrong type, out of range, or not among the choices.
    """
    if value is None and component.value is None:
        return
    for kinds, requirement in _REQUIREMENTS:
        if isinstance(component, kinds):
            expected = requirement(component, value)
            if expected:
                raise InputError(f"“{name}” must be {expected}, not {excerpt(value)}.")
            return


def excerpt(value: Any) -> str:
    """Return a value as JSON writes it, shortened for a sentence."""
    if isinstance(value, str):
        value = value[: _MAX_EXCERPT + 1].encode(errors="replace").decode()
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_EXCERPT else f"{text[: _MAX_EXCERPT - 1]}…"


def _choice(component: Any, value: Any) -> str:
    choices = [choice for _, choice in component.choices]
    values = value if isinstance(value, list) and getattr(component, "multiselect", False) else [value]
    if all(_is_choice(item, choices) for item in values):
        return ""
    if getattr(component, "allow_custom_value", False):
        return "" if all(isinstance(item, str) for item in values) else "a text"
    listed: list[str] = []
    length = 0
    for choice in map(str, choices):
        length += len(choice) + 2
        if length > _MAX_CHOICES:
            return f"one of {', '.join(listed)} and {len(choices) - len(listed)} others"
        listed.append(choice)
    return f"one of {', '.join(listed)}"


def _is_choice(value: Any, choices: Sequence[Any]) -> bool:
    return any(type(value) is type(choice) and value == choice for choice in choices)


def _number(component: Any, value: Any) -> str:
    low, high = component.minimum, component.maximum
    limits = "".join(
        f" {word} {limit:g}" for word, limit in (("from", low), ("to", high)) if limit is not None
    )
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not abs(value) <= _MAX_NUMBER:  # which NaN is not
        return f"a number{limits}"
    in_range = (low is None or value >= low) and (high is None or value <= high)
    return "" if in_range else f"a number{limits}"


def _flag(component: Any, value: Any) -> str:
    return "" if isinstance(value, bool) else "true or false"


def _text(component: Any, value: Any) -> str:
    if not isinstance(value, str):
        return "a text"
    try:
        value.encode()
    except UnicodeEncodeError:
        return "a text of valid characters"
    return ""


def _integers(component: Any, value: Any) -> str:
    if isinstance(value, list) and all(_is_integer(item) for item in value):
        return ""
    return "a list of whole numbers"


def _is_integer(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value == value // 1


def _file(component: Any, value: Any) -> str:
    return "" if value is None or _is_file(value) else "an uploaded file, or a data URL"


def _files(component: Any, value: Any) -> str:
    if value is None or (isinstance(value, list) and all(isinstance(i, str) or _is_file(i) for i in value)):
        return ""
    return "a list of uploaded files, or of data URLs"


def _is_file(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(value.get(key), str) for key in ("path", "url"))


_REQUIREMENTS: tuple[tuple[type | tuple[type, ...], Callable[[Any, Any], str]], ...] = (
    ((gr.Dropdown, gr.Radio), _choice),
    ((gr.Slider, gr.Number), _number),
    (gr.Checkbox, _flag),
    ((gr.Textbox, gr.ColorPicker, gr.Code, gr.HTML), _text),
    (IntegerList, _integers),
    (PathImage, _file),
    (PathFiles, _files),
)
