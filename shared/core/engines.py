"""Engines: the ways in which a capability can be had, one row each, in the order in which pages show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Engine:
    """One way to do what a doer does.

    Attributes:
        name: What code and the API call it.
        title: What people call it.
        line: What it is and what it costs, in one line.
        weights: Its weight folder (see `shared.core.weights.find`); None for an engine that has learned
            nothing.
        hub: Whether its weights come from the Hugging Face Hub when they are first needed.
    """

    name: str
    title: str
    line: str
    weights: str | None = None
    hub: bool = False


def table(*rows: Engine) -> Mapping[str, Engine]:
    """All engines of a doer by name; the first is the default."""
    return MappingProxyType({engine.name: engine for engine in rows})


def find(engines: Mapping[str, Engine], name: str) -> Engine:
    """Looks an engine up.

    Raises:
        ValueError: There is no engine of that name.

    >>> find(table(Engine("rds", "RDS", "the best one", weights="edges-rds")), "rds").weights
    'edges-rds'
    """
    if name not in engines:
        raise ValueError(f"the engine must be one of {', '.join(engines)}, received {name!r}")
    return engines[name]
