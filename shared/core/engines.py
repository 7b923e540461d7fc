"""Engines: the models and backends of a capability that a visitor can choose, in page order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Generic, NoReturn, TypeVar

Model = TypeVar("Model", covariant=True)


def _no_factory(**options: object) -> NoReturn:
    raise NotImplementedError("this engine has no factory: give its row one in `load`")


@dataclass(frozen=True)
class Engine(Generic[Model]):
    """One engine of a capability.

    Attributes:
        name: Identifier in code and in the API.
        title: Name on the page.
        description: One line for visitors: purpose, strengths and cost.
        weights: Weight folder or Hub repository (see `shared.core.weights.find`); None without weights.
        from_hub: True if the weights come from the Hugging Face Hub when they are first needed.
        load: Factory of the model. It takes `folder` (weights in place of the engine's own), `device` and
            `allow_hub` as keyword arguments, and imports the model's module only when it is called, so that a
            page can list engines before torch is loaded.
        licence: SPDX identifier of the weights' licence; None without weights.
        parameters: Number of learned parameters; None without weights.
    """

    name: str
    title: str
    description: str
    weights: str | None = None
    from_hub: bool = False
    load: Callable[..., Model] = _no_factory
    licence: str | None = None
    parameters: int | None = None


def table(*rows: Engine[Model]) -> Mapping[str, Engine[Model]]:
    """Return the engines of a capability by name; the first one is the default."""
    return MappingProxyType({engine.name: engine for engine in rows})


def find(engines: Mapping[str, Engine[Model]], name: str) -> Engine[Model]:
    """Return the engine of that name.

    Raises:
        ValueError: No engine has this name.

    >>> find(table(Engine("rds", "RDS", "the best one", weights="edges-rds")), "rds").weights
    'edges-rds'
    """
    if name not in engines:
        raise ValueError(f"the engine must be one of {', '.join(engines)}, received {name!r}")
    return engines[name]
