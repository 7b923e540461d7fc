"""Engines: the models and backends of a capability that a visitor can choose, in page order."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

if TYPE_CHECKING:
    import torch

Model = TypeVar("Model", covariant=True)
T = TypeVar("T")
Row = TypeVar("Row", bound="Engine[Any]")


@dataclass(frozen=True)
class Engine(Generic[Model]):
    """One engine of a capability.

    Attributes:
        name: Identifier in code and in the API.
        title: Name on the page.
        description: One line for visitors: purpose, strengths and cost.
        load: Factory of the model. It takes `folder` (weights in place of the engine's own), `device` and
            `allow_hub` as keyword arguments, and imports the model's module only when it is called, so that a
            page can list engines before torch is loaded.
        weights: Weight folder or Hub repository (see `shared.core.weights.find`); None without weights.
        from_hub: True if the weights come from the Hugging Face Hub when they are first needed. Choosing such
            an engine permits that download, whatever `allow_hub` says.
        revision: Commit of the Hub repository; None is its main branch.
        licence: SPDX identifier of the weights' licence; None without weights.
        parameters: Number of learned parameters; None without weights.
        full_precision: True if a network from the Hub computes in 32 bits on a GPU as well, because it reads
            coordinates or its scores are probabilities.
        download_gb: Size of the files of an engine from the Hub, in gigabytes.
        published: What its authors report about an engine from the Hub, with their figures.
    """

    name: str
    title: str
    description: str
    load: Callable[..., Model]
    weights: str | None = None
    from_hub: bool = False
    revision: str | None = None
    licence: str | None = None
    parameters: int | None = None
    full_precision: bool = False
    download_gb: float | None = None
    published: str = ""


def deferred(import_class: Callable[[], type[T]]) -> Callable[..., T]:
    """Return the factory of an engine whose class loads its own weights.

    Args:
        import_class: Imports the class, which has a class method `load`, when the engine is first needed.
    """

    def load(
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> T:
        model: T = cast(Any, import_class()).load(folder=folder, device=device, allow_hub=allow_hub)
        return model

    return load


def deferred_row(import_class: Callable[[], type[T]], row: Callable[[], Engine[Any]]) -> Callable[..., T]:
    """Return the factory of an engine whose class loads the weights that a row names.

    Args:
        import_class: Imports the class when the engine is first needed. Its class method `load` takes the
            row, `folder` and `device`, and `allow_hub` unless the row is one from the Hub.
        row: Returns the row, which is in its table only after this factory is made.
    """

    def load(
        *,
        folder: str | os.PathLike | None = None,
        device: str | torch.device | None = None,
        allow_hub: bool = False,
    ) -> T:
        engine = row()
        # The choice of an engine from the Hub permits its download.
        permission = {} if engine.from_hub else {"allow_hub": allow_hub}
        model: T = cast(Any, import_class()).load(engine, folder=folder, device=device, **permission)
        return model

    return load


def table(*rows: Row) -> Mapping[str, Row]:
    """Return the engines of a capability by name; the first one is the default."""
    return MappingProxyType({engine.name: engine for engine in rows})


def find(engines: Mapping[str, Row], name: str) -> Row:
    """Return the engine of that name.

    Raises:
        ValueError: No engine has this name.

    >>> engines = table(Engine("zero", "Zero", "Always 0.", load=lambda **options: 0))
    >>> find(engines, "zero").load(device="cpu")
    0
    """
    if name not in engines:
        raise ValueError(f"the engine must be one of {', '.join(engines)}, received {name!r}")
    return engines[name]
