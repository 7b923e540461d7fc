"""Signatures of a page's functions: names of their arguments, and the values of one call by them."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from gradio.block_function import BlockFunction
from gradio.components import Component
from gradio.state_holder import SessionState

from shared.core.errors import InputError
from shared.ui.arguments.checks import check_value


def argument_names(function: BlockFunction) -> list[str]:
    """Return the name of each input: of the argument of an endpoint, else the label of the component."""
    if function.api_visibility == "private" or function.fn is None:
        return [str(getattr(block, "label", None) or block.get_block_name()) for block in function.inputs]
    parameters = list(inspect.signature(function.fn).parameters)
    return parameters[: len(function.inputs)]


def check_values(function: BlockFunction, values: Sequence[Any], state: SessionState | None = None) -> None:
    """Check the values of a call, one for each input of the function.

    Args:
        function: The function.
        values: The values, those of states included.
        state: Session of the caller, with the components that it has changed.

    Raises:
        InputError: A value is missing or cannot be used.
    """
    names = argument_names(function)
    is_private = function.api_visibility == "private"
    if len(values) < len(names) or (len(values) > len(names) and not is_private):
        raise InputError(count_sentence(function, len(values)))
    for name, block, value in zip(names, function.inputs, values, strict=False):
        if isinstance(block, Component) and not block.stateful and not (is_private and value is None):
            changed = state[block._id] if state is not None and block._id in state else block
            check_value(changed, name, value)


def check_named_values(function: BlockFunction, values: Mapping[str, Any]) -> None:
    """Check the values of a call by the names of the arguments.

    Raises:
        InputError: A name is unknown, or a value is missing or cannot be used.
    """
    inputs = {
        name: block
        for name, block in zip(argument_names(function), function.inputs, strict=True)
        if isinstance(block, Component) and not block.skip_api
    }
    takes = arguments_clause(function)
    for name in values:
        if name not in inputs:
            raise InputError(f"“{name[:40]}” is no argument: {takes}.")
    for name, block in inputs.items():
        if name in values:
            check_value(block, name, values[name])
        elif block.value is None and not _is_optional(function, name):
            raise InputError(f"“{name}” is missing: {takes}.")


def count_sentence(function: BlockFunction, count: int) -> str:
    """Return the sentence for a call with too few or too many values."""
    values = "1 value" if count == 1 else f"{count} values"
    return f"The call has {values}: {arguments_clause(function)}."


def arguments_clause(function: BlockFunction) -> str:
    """Return the words that list the arguments of a function."""
    names = [
        name
        for name, block in zip(argument_names(function), function.inputs, strict=True)
        if not block.skip_api
    ]
    return f"{function.api_name} takes {', '.join(names) or 'none'}"


def _is_optional(function: BlockFunction, name: str) -> bool:
    assert function.fn is not None
    return inspect.signature(function.fn).parameters[name].default is None
