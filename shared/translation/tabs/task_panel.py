"""Tasks of the page: the input and the settings of each, of which the pressed task's are shown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

import gradio as gr
from gradio.components import Component
from PIL.Image import Image

from shared.translation.tabs.edit_panel import EditPanel
from shared.translation.tabs.runners import Translate
from shared.ui.events import Trigger

if TYPE_CHECKING:  # which brings torch
    from shared.translation.translator import Cycle

#: Caption and settings of each variant of a task, from the chosen settings.
Variants: TypeAlias = Callable[..., Sequence[tuple[str, Sequence[object]]]]


@dataclass(frozen=True)
class TaskPanel:
    """Components of a task, and how its result is computed.

    Attributes:
        source: Input of the image: a photo, or a drawing.
        settings: Components of the settings.
        translate: Function that makes the result; None for a task that has a button of its own.
        cycle: Function that makes the result and goes back, `(image, *settings)`; None without a way back.
        variants: Settings of a comparison; None without one.
        triggers: Events after which the result differs, besides those of the source.
        edit: Settings and buttons of a task that runs at the press of its own button.
        shown_input: Maps the image to the one that is shown next to the result.
    """

    source: gr.Image | gr.HTML
    settings: Sequence[Component] = ()
    translate: Translate | None = None
    cycle: "Callable[..., Cycle] | None" = None
    variants: Variants | None = None
    triggers: Sequence[Trigger] = ()
    edit: EditPanel | None = None
    shown_input: Callable[[Image], Image] = field(default=lambda image: image)


@dataclass(frozen=True)
class TaskInput:
    """Values of a pressed task.

    Attributes:
        name: Name of the task.
        panel: Its panel.
        path: Path of the image; None while there is none.
        settings: Values of its settings.
    """

    name: str
    panel: TaskPanel
    path: str | None
    settings: Sequence[Any]


@dataclass(frozen=True)
class TaskPanels:
    """Menu and panels of the page.

    Attributes:
        menu: Menu, whose value is the name of a task.
        panels: Panels by the names of their tasks.
        button: Button that makes the result of a task without a button of its own.
    """

    menu: gr.HTML
    panels: Mapping[str, TaskPanel]
    button: gr.Button

    @cached_property
    def inputs(self) -> list[Component]:
        """Components to read: the menu first, then all sources and settings."""
        items = [item for panel in self.panels.values() for item in (panel.source, *panel.settings)]
        return list(dict.fromkeys([self.menu, *items]))

    @cached_property
    def batch_inputs(self) -> list[Component]:
        """Components to read for several files: the menu first, then all settings."""
        return [self.menu, *dict.fromkeys(item for panel in self.panels.values() for item in panel.settings)]

    @property
    def triggers(self) -> list[Trigger]:
        """Events after which a result differs."""
        sources = dict.fromkeys(panel.source for panel in self.panels.values())
        triggers = [trigger for panel in self.panels.values() for trigger in panel.triggers]
        return [
            self.menu.change,
            self.button.click,
            *(source.change for source in sources),
            *dict.fromkeys(triggers),
        ]

    def parse(self, *values: Any) -> TaskInput:
        """Return the values of the pressed task.

        Args:
            *values: Values of `inputs`, or of `batch_inputs`, which hold no image.
        """
        components = self.inputs if len(values) == len(self.inputs) else self.batch_inputs
        by_component = dict(zip(components, values, strict=True))
        name = by_component[self.menu]
        panel = self.panels[name]
        settings = [by_component[item] for item in panel.settings]
        return TaskInput(name, panel, by_component.get(panel.source), settings)
