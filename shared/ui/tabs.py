"""Lazy tabs: tabs that are filled only while a visitor sees them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from shared.ui import assets
from shared.ui.events import INFERENCE, Concurrency, Trigger, on_event


@dataclass(frozen=True)
class LazyTab:
    """A tab and the function that fills it.

    Attributes:
        tab: The tab; it needs an `elem_id`, by which the browser finds out which tab is open.
        fill: Deterministic function from the values of the inputs to the values of the outputs.
        inputs: Components to read.
        outputs: Components to fill. A component that is an input as well gets a plain value or a `gr.update`.
        triggers: Events of this tab, in addition to those of all tabs.
        progress_on: Components that show the progress; all outputs by default.
    """

    tab: gr.Tab
    fill: Callable[..., Sequence[object]]
    inputs: Sequence[Component]
    outputs: Sequence[Block]
    triggers: Sequence[Trigger] = ()
    progress_on: Component | Sequence[Component] | None = None


def load_open_tab(
    tabs: gr.Tabs,
    lazy_tabs: Sequence[LazyTab],
    triggers: Sequence[Trigger],
    *,
    concurrency: Concurrency = INFERENCE,
) -> None:
    """Fill the open tab after each event, and another tab when a visitor opens it.

    An event is one call however many tabs there are, and does not call the tab's function if its inputs are
    unchanged.

    Args:
        tabs: Parent of all tabs.
        lazy_tabs: Tabs to fill; others are left alone.
        triggers: Events that concern all tabs, such as `image.change`.
        concurrency: Number of tabs that may be filled at the same time.
    """
    by_id = {lazy_tab.tab.elem_id: lazy_tab for lazy_tab in lazy_tabs}
    inputs = list(dict.fromkeys(item for lazy_tab in lazy_tabs for item in lazy_tab.inputs))
    outputs = [item for lazy_tab in lazy_tabs for item in lazy_tab.outputs]
    open_id, filled = gr.Textbox(visible=False), gr.State({})

    def fill(open_id: str, filled: dict[str, list[object]], *args: object) -> list[object]:
        """Return the new input values by tab, and the outputs; `filled` holds the ones of the last fill."""
        lazy_tab = by_id.get(open_id)
        values: dict[Block, object] = dict(zip(inputs, args, strict=True))
        tab_values = [values[item] for item in lazy_tab.inputs] if lazy_tab else None
        if lazy_tab is None or tab_values is None or filled.get(open_id) == tab_values:
            return [gr.skip()] * (1 + len(outputs))
        results = dict(zip(lazy_tab.outputs, lazy_tab.fill(*tab_values), strict=True))
        values |= {item: _value(result, values.get(item)) for item, result in results.items()}
        filled = {**filled, open_id: [values[item] for item in lazy_tab.inputs]}
        return [filled, *(results[item] if item in results else gr.skip() for item in outputs)]

    triggers = [tabs.select, *triggers, *(trigger for lazy_tab in lazy_tabs for trigger in lazy_tab.triggers)]
    js = assets.script("open_tab", tabs=list(by_id))
    progress_on = [item for lazy_tab in lazy_tabs for item in _progress_on(lazy_tab)]
    state = [open_id, filled, *inputs]
    on_event(
        triggers,
        fill,
        state,
        [filled, *outputs],
        js=js,
        concurrency=concurrency,
        progress_on=progress_on,
    )


def _progress_on(lazy_tab: LazyTab) -> Sequence[Component]:
    """Return the components of a tab that show the progress."""
    if lazy_tab.progress_on is None:
        shown = [item for item in lazy_tab.outputs if isinstance(item, Component)]
        return [item for item in shown if not isinstance(item, gr.State)]
    return [lazy_tab.progress_on] if isinstance(lazy_tab.progress_on, Component) else lazy_tab.progress_on


def _value(result: object, current: object) -> object:
    """Return the value of a component after a result, which is the value or a `gr.update`."""
    is_update = isinstance(result, dict) and "__type__" in result
    return cast(dict, result).get("value", current) if is_update else result
