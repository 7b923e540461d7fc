"""Engines on a page: the menu, the models behind it, and the comparison of two engines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import gradio as gr
from gradio.components import Component
from PIL.Image import Image

from shared.core.devices import gpu
from shared.core.engines import Engine
from shared.core.models import Lazy
from shared.ui.components.results import display_image
from shared.ui.tabs import LazyTab

Model = TypeVar("Model")
Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def lazy_models(load: Callable[[str], Model], engines: Iterable[str]) -> dict[str, Lazy[Model]]:
    """Return one model per engine, loaded at its first call (on ZeroGPU at once, which is its rule).

    Args:
        load: Maps an engine's name to its model. It imports the model's module inside, so that the first page
            does not wait for torch.
        engines: Names of the engines, such as the keys of a capability's `ENGINES`.
    """
    return {name: Lazy(lambda name=name: load(name)) for name in engines}


@overload
def inference_function(
    models: Mapping[str, Callable[[], Callable[Concatenate[Image, Arguments], Result]]],
    *,
    duration: int = 30,
) -> Callable[Concatenate[Image, str, Arguments], Result]: ...


@overload
def inference_function(
    models: Mapping[str, Callable[[], Model]],
    run: Callable[Concatenate[Model, Image, Arguments], Result],
    *,
    duration: int = 30,
) -> Callable[Concatenate[Image, str, Arguments], Result]: ...


def inference_function(
    models: Mapping[str, Callable[[], Any]],
    run: Callable[..., Any] | None = None,
    *,
    duration: int = 30,
) -> Callable[..., Any]:
    """Return a function `(image, engine, *arguments)` that runs an engine's model on the device.

    Args:
        models: From `lazy_models`.
        run: Function `(model, image, *arguments)`; the model itself is called by default.
        duration: Upper limit of a call's seconds on ZeroGPU.
    """

    @gpu(duration=duration)
    def infer(image: Image, engine: str, *args: Any, **kwargs: Any) -> Any:
        model = models[engine]()
        return model(image, *args, **kwargs) if run is None else run(model, image, *args, **kwargs)

    return infer


def engine_menu(engines: Mapping[str, Engine], label: str = "Engine", **settings: Any) -> gr.Dropdown:
    """Create a drop-down of engines, each with its title and its description; its value is a name.

    Args:
        engines: Engines by name; the first one is chosen at the beginning.
        label: Title of the component, which API callers see too.
        **settings: Further arguments of `gr.Dropdown`.
    """
    choices = [(f"{engine.title}: {engine.description}", name) for name, engine in engines.items()]
    return gr.Dropdown(
        choices, label=label, **{"value": next(iter(engines)), "filterable": False, **settings}
    )


def compare_tab(
    function: Callable[..., Any],
    engines: Mapping[str, Engine],
    inputs: Sequence[Component],
    other: str,
    kind: type[Component] = gr.Image,
) -> LazyTab:
    """Create the tab "Compare": a second engine, and the results of both side by side.

    Args:
        function: Maps the image's path, the engine and the settings to an image, or to a value of `kind`.
        engines: Engines by name.
        inputs: Components of the function's arguments: the image, the engine menu, the settings.
        other: Name of the second engine at the beginning.
        kind: Type of component for a result.

    Returns:
        The tab, for `load_open_tab`.
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
            kind(display_image(value) if kind is gr.Image else value, label=engines[name].title)
            for name, value in values
        ]

    return LazyTab(tab, both, [menu, *inputs], results, [menu.change])
