"""Engines on a page: the drop-down, the doers behind it, and two engines side by side."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component
from PIL.Image import Image

from shared.core.devices import Resident, gpu
from shared.ui.components.results import shown
from shared.ui.tabs import View


def residents(doer: str, engines: Mapping[str, Any], **settings: Any) -> dict[str, Resident]:
    """One doer per engine, loaded at the first call (on ZeroGPU at once, which is its rule).

    The doer's module is imported then, too, so that the first page does not wait for it.

    Args:
        doer: Module and class, such as `"shared.edges.detector:EdgeDetector"`. The class has `load(name)`.
        engines: The wing's `ENGINES`, by name.
        **settings: Anything else that `load` takes.
    """
    return {name: Resident(lambda name=name: find(doer).load(name, **settings)) for name in engines}


def runner(
    doers: Mapping[str, Resident], function: str | None = None, *, duration: int = 30
) -> Callable[..., Any]:
    """A function that runs a doer on the device: it takes the picture, the engine, and the doer's settings.

    Args:
        doers: From `residents`.
        function: Module and function, such as `"shared.recognition.explanation:explain"`, to call with the doer,
            the picture and the settings; by default the doer itself is called.
        duration: The most seconds that a call may take on ZeroGPU.
    """

    @gpu(duration=duration)
    def run(picture: Image, engine: str, *settings: Any) -> Any:
        doer = doers[engine]()
        return find(function)(doer, picture, *settings) if function else doer(picture, *settings)

    return run


def find(path: str) -> Any:
    """What a path such as `"shared.edges.detector:EdgeDetector"` names, imported when it is needed."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


def engine_menu(engines: Mapping[str, Any], label: str = "Engine", **settings: Any) -> gr.Dropdown:
    """A drop-down with one line per engine: title, what it is and costs. Its value is the engine's name."""
    choices = [(f"{engine.title}: {engine.description}", name) for name, engine in engines.items()]
    return gr.Dropdown(
        choices, label=label, **{"value": next(iter(engines)), "filterable": False, **settings}
    )


def compare(
    function: Callable,
    engines: Mapping[str, Any],
    inputs: Sequence[Any],
    other: str,
    kind: type[Component] = gr.Image,
) -> View:
    """Make the tab "Compare": a second engine, and the results of both side by side.

    Args:
        function: Takes the picture's path, the engine and the settings; returns a picture, or what `kind`
            shows.
        engines: The doer's engines, by name.
        inputs: Components of the function's arguments: the photo, the engine menu, the settings.
        other: Name of the second engine at the beginning.
        kind: What shows a result.

    Returns:
        The tab's view, for `show_open`.
    """
    look = {"interactive": False, "buttons": ["fullscreen", "download"]} if kind is gr.Image else {}
    with gr.Tab("Compare", elem_id="compare") as tab:
        menu = engine_menu(engines, "Compare with", value=other)
        with gr.Row(elem_classes="is-compare"):
            results = [kind(label=label, **look) for label in ("Engine", "Compared with")]

    def both(second: str, image: str | None, first: str, *settings: Any) -> list[Any]:
        if not image:
            return [None, None]
        values = [(name, function(image, name, *settings)) for name in (first, second)]
        return [
            kind(shown(value) if kind is gr.Image else value, label=engines[name].title)
            for name, value in values
        ]

    return View(tab, both, [menu, *inputs], results, [menu.change])
