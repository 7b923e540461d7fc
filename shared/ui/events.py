"""Events of a page and endpoints of its API."""

import inspect
import textwrap
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import gradio as gr
from gradio.blocks import Block
from gradio.component_meta import ComponentMeta
from gradio.components import Component

#: An event of a component, such as `image.change`.
Trigger: TypeAlias = Callable[..., Any]


class Concurrency(NamedTuple):
    """Limit on the calls that run at the same time.

    Attributes:
        group: Name of the events that share the limit.
        limit: Number of calls.
    """

    group: str
    limit: int


#: Events that run a network.
INFERENCE = Concurrency("accelerator", 1)

#: Events that take minutes, such as the upload of a folder; short calls of other visitors go on meanwhile.
LONG_RUNNING = Concurrency("gallery", 2)

# Pixels must not change on their way to a program; Gradio's default is WebP.
_LOSSLESS: Mapping[ComponentMeta, dict[str, Any]] = {
    gr.Image: {"format": "png"},
    gr.Gallery: {"format": "png"},
}


def on_event(
    triggers: Sequence[Trigger],
    function: Callable[..., Any],
    inputs: Sequence[Block],
    outputs: Block | Sequence[Block],
    *,
    js: str | None = None,
    concurrency: Concurrency | None = INFERENCE,
    progress_on: Component | Sequence[Component] | None = None,
) -> None:
    """Call a function, which the API does not list, after any of some events.

    While a call runs, only the newest of the following events waits.

    Args:
        triggers: Events such as `image.change`.
        function: Maps the values of the inputs to the values of the outputs.
        inputs: Components to read.
        outputs: Components to fill.
        js: JavaScript function that maps the inputs' values in the browser before they are sent.
        concurrency: Number of calls that may run at the same time; None for a limit of its own (one call).
        progress_on: Components that show the progress; all outputs by default.
    """
    gr.on(
        triggers,
        function,
        list(inputs),
        outputs if isinstance(outputs, Block) else list(outputs),
        js=js,
        api_visibility="private",
        trigger_mode="always_last",
        concurrency_id=concurrency and concurrency.group,
        concurrency_limit=concurrency.limit if concurrency else "default",
        show_progress_on=progress_on,
    )


def endpoint(
    function: Callable[..., Any],
    inputs: Sequence[Component],
    outputs: Mapping[str, ComponentMeta],
    *,
    concurrency: Concurrency = INFERENCE,
) -> None:
    """Offer a function through the API and as an MCP tool, without a button on the page.

    Args:
        function: Its name is the tool's name; its types and its Google-style docstring are the documentation.
        inputs: Components of the page, whose checks, choices and default values the parameters take over.
        outputs: Type of component by label, one per result. Images travel as PNG.
        concurrency: Number of calls that may run at the same time.
    """
    names = list(inspect.signature(function).parameters)
    states = {name for name, component in zip(names, inputs, strict=False) if isinstance(component, gr.State)}
    function.__doc__ = one_line_sections(function.__doc__ or "", {*states, "progress"})
    with gr.Row(visible=False):
        results = [kind(label=label, **_LOSSLESS.get(kind, {})) for label, kind in outputs.items()]
    gr.on(
        [],
        function,
        list(inputs),
        results,
        concurrency_id=concurrency.group,
        concurrency_limit=concurrency.limit,
    )


def one_line_sections(docstring: str, hidden: Collection[str] = ()) -> str:
    r"""Return a Google-style docstring with each argument, and the results, on a single line.

    Gradio (6.31) reads only the first line about an argument, and puts commas between those about results.

    Args:
        docstring: The docstring.
        hidden: Names of arguments to leave out, since callers do not give them.

    >>> arguments = "Args:\n    a: One\n        two.\n    b: Three."
    >>> print(one_line_sections(f"Draw.\n\n{arguments}\n\nReturns:\n    Four\n    five.", ["b"]))
    Draw.
    <BLANKLINE>
    Args:
        a: One two.
    <BLANKLINE>
    Returns:
        Four five.
    """
    parts = []
    for part in inspect.cleandoc(docstring).split("\n\n"):
        title, _, body = part.partition("\n")
        lines = textwrap.dedent(body).split("\n")
        if title == "Returns:":
            lines = [" ".join(map(str.strip, lines))]
        elif title == "Args:":
            entries: list[str] = []
            for line in lines:
                if line.startswith(" ") and entries:
                    entries[-1] += f" {line.strip()}"
                else:
                    entries.append(line)
            lines = [entry for entry in entries if entry.partition(":")[0] not in hidden]
        else:
            parts.append(part)
            continue
        parts.append("\n".join([title, *(f"    {line}" for line in lines)]))
    return "\n\n".join(parts)
