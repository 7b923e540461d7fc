"""Tabs that are filled only while a visitor sees them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from shared.ui.events import on_event


@dataclass(frozen=True)
class LazyTab:
    """What a tab shows, and from what it is made.

    Attributes:
        tab: The tab; it needs an `elem_id`, by which the browser sees whether it is open.
        function: Takes the inputs' values and returns the outputs'. It must give the same for the same.
        inputs: Components to read.
        outputs: Components to fill. One that is an input, too, gets a plain value or a `gr.update`.
        triggers: Events of the tab's own, beside those that concern all tabs.
    """

    tab: gr.Tab
    function: Callable
    inputs: Sequence[Any]
    outputs: Sequence[Any]
    triggers: Sequence[Callable] = ()


def load_open_tab(tabs: gr.Tabs, views: Sequence[LazyTab], triggers: Sequence[Callable]) -> None:
    """Fill the open tab whenever one of some events happens, and another one when it is opened.

    Each event is one call, however many tabs there are, and a tab that shows the same already costs nothing.

    Args:
        tabs: All tabs together.
        views: Those to fill; others are left alone.
        triggers: Events that concern all tabs, such as `image.change`.
    """
    by_name = {view.tab.elem_id: view for view in views}
    inputs = list(dict.fromkeys(item for view in views for item in view.inputs))
    outputs = [item for view in views for item in view.outputs]
    name, seen = gr.Textbox(visible=False), gr.State({})

    def fill(name: str, seen: dict[str, list], *values: Any) -> list[Any]:
        view, given = by_name.get(name), dict(zip(inputs, values, strict=True))
        now = [given[item] for item in view.inputs] if view else None
        if view is None or seen.get(name) == now:
            return [gr.skip()] * (1 + len(outputs))
        results = dict(zip(view.outputs, view.function(*now), strict=True))
        given |= {item: _value(result) for item, result in results.items()}
        seen = {**seen, name: [given[item] for item in view.inputs]}
        return [seen, *(results[item] if item in results else gr.skip() for item in outputs)]

    triggers = [tabs.select, *triggers, *(trigger for view in views for trigger in view.triggers)]
    find = f"{list(by_name)}.find(id => document.getElementById(id)?.offsetParent) ?? ''"
    js = f"(_, ...rest) => [{find}, ...rest]"
    on_event(triggers, fill, [name, seen, *inputs], [seen, *outputs], js=js)


def _value(result: Any) -> Any:
    """The value of a component after a result, where it is plain or a `gr.update`."""
    return result["value"] if isinstance(result, dict) and "value" in result else result
