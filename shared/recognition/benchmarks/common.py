"""Command-line options and loading of networks that several benchmarks share."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from pathlib import Path

from shared.core import engines
from shared.evaluation.reports import benchmark_parser
from shared.recognition.cfn_backend import CFNBackend
from shared.recognition.engines import CLASSIFIERS


def engine_parser(
    description: str, module: str, *, default: Sequence[str] = (), choices: Iterable[str] | None = None
) -> argparse.ArgumentParser:
    """Build a benchmark's parser with `--engine NAME ...`; see `parse_engines`.

    Args:
        description: One sentence on the quantity that is measured.
        module: Full module name, followed by the benchmark's name.
        default: Engines of a call without `--engine`.
        choices: Names of all engines, if the parser is to check them.
    """
    parser = benchmark_parser(description, module)
    parser.add_argument(
        "--engine", nargs="+", default=list(default), choices=choices, metavar="NAME", help="(%(default)s)"
    )
    return parser


def parse_engines(
    parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None
) -> argparse.Namespace:
    """Parse the command line; `--weights` replaces the weights of one engine only."""
    options = parser.parse_args(arguments)
    if options.weights and len(options.engine) != 1:
        parser.error("--weights needs exactly one --engine")
    return options


def weights_name(weights: str | None, engine_names: Iterable[str]) -> str:
    """Return the name that a report gives to the measured weights: of the folder, else of the engines."""
    return Path(weights).name if weights else ", ".join(engine_names)


def load_cfn(name: str, folder: str | None = None, *, device: str | None = None) -> CFNBackend:
    """Load the network of a classifier that is a CFN.

    Args:
        name: One of `CLASSIFIERS`.
        folder: Weights to use in place of the engine's own.
        device: Device of the network, by default `shared.core.devices.default_device()`.

    Raises:
        ValueError: No engine has this name, or its network is no CFN.
        WeightsError: The weights cannot be used.
    """
    backend = engines.find(CLASSIFIERS, name).load(folder=folder, device=device)
    if not isinstance(backend, CFNBackend):
        raise ValueError(f"expected an engine with a CFN, received {name!r}")
    return backend
