"""Engines on a page: the drop-down, the doers behind it, and two engines side by side."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from shared.core.devices import Resident
from shared.ui.page import react
from shared.ui.results import shown

# Runs in the browser before an event: puts whether the tab can be seen in place of the first input.
IS_OPEN = "(_, ...rest) => [Boolean(document.querySelector('.is-compare')?.offsetParent), ...rest]"


def residents(doer: str, engines: Mapping[str, Any]) -> dict[str, Resident]:
    """One doer per engine, loaded at the first call (on ZeroGPU at once, which is its rule).

    The doer's module is imported then, too, so that the first page does not wait for it.

    Args:
        doer: Module and class, such as `"shared.edges.detector:EdgeDetector"`. The class has `load(name)`.
        engines: The wing's `ENGINES`, by name.
    """
    module, _, name = doer.partition(":")
    return {
        engine: Resident(lambda engine=engine: getattr(importlib.import_module(module), name).load(engine))
        for engine in engines
    }


def engine_menu(engines: Mapping[str, Any], label: str = "Engine", **settings: Any) -> gr.Dropdown:
    """A drop-down with one line per engine: title, what it is and costs. Its value is the engine's name."""
    choices = [(f"{engine.title}: {engine.line}", name) for name, engine in engines.items()]
    return gr.Dropdown(
        choices, label=label, **{"value": next(iter(engines)), "filterable": False, **settings}
    )


def compare(
    tab: gr.Tab,
    function: Callable,
    engines: Mapping[str, Any],
    inputs: Sequence[Any],
    triggers: Sequence[Callable],
    other: str,
) -> None:
    """Fill the tab "Compare": a second engine, and the pictures of both side by side.

    Nothing is computed while another tab is open.

    Args:
        tab: The tab that is being filled.
        function: Takes the picture's path, the engine and the settings; returns a picture.
        engines: The wing's `ENGINES`, by name.
        inputs: Components of the function's arguments: the photo, the engine menu, the settings.
        triggers: Events after which the pictures are made again.
        other: Name of the second engine at the beginning.
    """
    menu = engine_menu(engines, "Compare with", value=other)
    with gr.Row(elem_classes="is-compare"):
        buttons = {"interactive": False, "buttons": ["fullscreen", "download"]}
        pictures = [gr.Image(label=label, **buttons) for label in ("Engine", "Compared with")]
    is_open = gr.Checkbox(True, visible=False)

    def both(is_open: bool, second: str, image: str | None, first: str, *settings: Any) -> list[Any]:
        if not is_open:
            return [gr.skip(), gr.skip()]
        if not image:
            return [None, None]
        results = [(name, function(image, name, *settings)) for name in (first, second)]
        return [gr.Image(shown(picture), label=engines[name].title) for name, picture in results]

    inputs = [is_open, menu, *inputs]
    react([tab.select], both, inputs, pictures)
    react([*triggers, menu.change], both, inputs, pictures, js=IS_OPEN)
