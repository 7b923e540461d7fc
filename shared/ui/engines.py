"""Engines on a page: the menu, the models behind it, and the comparison of two engines."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar, overload

import gradio as gr
from gradio.components import Component
from huggingface_hub import constants
from PIL.Image import Image

from shared.core import hub
from shared.core.devices import gpu
from shared.core.engines import Engine
from shared.core.file_names import safe_stem
from shared.core.hub_networks.pool import RecentModel
from shared.core.models import Lazy
from shared.ui import assets
from shared.ui.components.results import display_image
from shared.ui.tabs import LazyTab

#: Note of a comparison without an image.
NO_PHOTO = "Choose a photo, and both results appear here."

Model = TypeVar("Model")
Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def lazy_models(
    load: Callable[[str], Model], engines: Iterable[str], *, at_start: bool = True
) -> dict[str, Lazy[Model]]:
    """Return one model per engine, loaded at its first call (on ZeroGPU at once, which is its rule).

    Args:
        load: Maps an engine's name to its model. It imports the model's module inside, so that the first page
            does not wait for torch.
        engines: Names of the engines, such as a capability's `ENGINES`. Of those that come from the Hub, as
            their rows say, few stay in memory, see `RecentModel`.
        at_start: False for models that stay on the CPU, which ZeroGPU does not need at once.
    """
    rows = engines if isinstance(engines, Mapping) else {}

    def lazy(name: str) -> Lazy[Model]:
        if name not in rows or not rows[name].from_hub:
            return Lazy(lambda: load(name), at_start=at_start)

        def load_from_hub() -> Model:
            announce_download(rows[name])
            return load(name)

        return RecentModel(load_from_hub, at_start=at_start)

    return {name: lazy(name) for name in engines}


def announce_download(engine: Engine[Any]) -> None:
    """Tell a visitor that an engine is being downloaded, if its files are not here but within reach."""
    if not engine.download_gb or hub.cached(engine.weights or "", engine.revision):
        return
    if not constants.HF_HUB_OFFLINE and hub.reachable():
        gr.Info(
            f"“{engine.title}” is being downloaded, {engine.download_gb:g} GB; this takes a while, and "
            "happens once."
        )


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
        run: Function `(model, image, *arguments)`; by default the model itself is called.
        duration: Upper limit of a call's seconds on ZeroGPU.
    """

    @gpu(duration=duration)
    def infer(image: Image, engine: str, *args: Any, **kwargs: Any) -> Any:
        model = models[engine]()
        return model(image, *args, **kwargs) if run is None else run(model, image, *args, **kwargs)

    return infer


def engine_menu(engines: Mapping[str, Engine[Any]], label: str = "Engine", **settings: Any) -> gr.Dropdown:
    """Create a menu of engines by title, with the description of the chosen one below; its value is a name.

    Args:
        engines: Engines by name; the first one is chosen at the beginning.
        label: Title of the menu, which API callers see too.
        **settings: Further arguments of `gr.Dropdown`.
    """
    defaults: dict[str, Any] = {"value": next(iter(engines)), "filterable": False}
    choices = [(engine.title, name) for name, engine in engines.items()]
    descriptions = {name: engine.description for name, engine in engines.items()}
    with gr.Column(elem_classes="is-engine"):
        menu = gr.Dropdown(choices, label=label, **{**defaults, **settings})
        note = gr.Markdown(descriptions.get(menu.value, ""), elem_classes="is-note")
    js = assets.script("engine_note", descriptions=descriptions)
    menu.change(None, [menu], [note], js=js, api_visibility="private")
    return menu


def compare_tab(
    function: Callable[..., Any],
    engines: Mapping[str, Engine[Any]],
    inputs: Sequence[Component],
    second: str,
    kind: type[gr.Image] | type[gr.Label] = gr.Image,
) -> LazyTab:
    """Create the tab "Compare": a second engine, and the results of both side by side.

    Args:
        function: Maps the path of an image, the engine and the settings to an image, or to a value of `kind`.
        engines: Engines by name.
        inputs: Components of the function's arguments: the image, the engine menu, the settings.
        second: Name of the second engine at the beginning.
        kind: Type of component for a result.
    """
    settings: dict[str, Any] = {}
    if kind is gr.Image:
        settings = {"interactive": False, "buttons": ["fullscreen", "download"]}
    with gr.Tab("Compare", elem_id="compare") as tab:
        menu = engine_menu(engines, "Compare with", value=second)
        note = gr.Markdown(NO_PHOTO, elem_classes="is-note")
        with gr.Row(elem_classes="is-compare"):
            outputs = [kind(label=label, **settings) for label in ("Engine", "Compared with")]
    js = assets.script("comparison_note", text=NO_PHOTO)
    inputs[0].change(None, [inputs[0]], [note], js=js, api_visibility="private")  # type: ignore[attr-defined]

    def compare(second: str, image: str | None, first: str, *args: object) -> list[object]:
        if not image or first == second:
            text = f"Both are “{engines[first].title}”: choose another engine to compare with."
            return [text if image else NO_PHOTO, None, None]
        results = []
        for name in (first, second):
            value = function(image, name, *args)
            shown = display_image(value, f"{safe_stem(image)}-{name}") if kind is gr.Image else value
            results.append(kind(shown, label=engines[name].title))
        return ["", *results]

    return LazyTab(tab, compare, [menu, *inputs], [note, *outputs], [menu.change], progress_on=outputs)
