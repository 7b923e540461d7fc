"""Engines on a page: the drop-down, the doers behind it, and two engines side by side."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr

from shared.core.devices import Resident
from shared.ui.page import react
from shared.ui.results import shown


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
    function: Callable,
    engines: Mapping[str, Any],
    inputs: Sequence[Any],
    triggers: Sequence[Callable],
    tabs: gr.Tabs,
    other: str,
) -> None:
    """Fill the tab "Compare": a second engine, and the pictures of both side by side.

    Nothing is computed while another tab is open.

    Args:
        function: Takes the picture's path, the engine and the settings; returns a picture.
        engines: The wing's `ENGINES`, by name.
        inputs: Components of the function's arguments: the photo, the engine menu, the settings.
        triggers: Events after which the pictures are made again.
        tabs: The tabs of which this one is called "Compare".
        other: Name of the second engine at the beginning.
    """
    menu = engine_menu(engines, "Compare with", value=other)
    with gr.Row(elem_classes="is-compare"):
        pictures = [gr.Image(label=label, interactive=False) for label in ("Engine", "Compared with")]
    tab = gr.State("")

    def both(tab: str, second: str, image: str | None, first: str, *settings: Any) -> list[Any]:
        if tab != "Compare":
            return [gr.skip(), gr.skip()]
        if not image:
            return [None, None]
        results = [(name, function(image, name, *settings)) for name in (first, second)]
        return [gr.Image(shown(picture), label=engines[name].title) for name, picture in results]

    def name_of(event: gr.SelectData) -> str:
        return event.value

    tabs.select(name_of, None, tab, queue=False, show_progress="hidden", api_visibility="private")
    react([*triggers, menu.change, tab.change], both, [tab, menu, *inputs], pictures)
