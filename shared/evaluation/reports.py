"""The common face of every benchmark: its options, its table and its JSON report."""

from __future__ import annotations

import argparse
import importlib
import json
import shlex
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any

Figures = Mapping[str, float] | Mapping[str, Mapping[str, float]]


def parser(
    description: str, module: str, *, weights: str | None = None, workers: int | None = None
) -> argparse.ArgumentParser:
    """Make the parser of a benchmark, with the options that all of them have.

    Args:
        description: one sentence on what is measured.
        module: the module's full name, as in `python -m shared.edges.benchmark`.
        weights: default of `--weights`, a name or a folder.
        workers: default of `--workers`; None for a benchmark that runs in one process and has no such option.

    Returns:
        A parser to which a benchmark adds its own options.
    """
    made = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    made.add_argument("--data", type=Path, required=True, metavar="DIR", help="root folder of the data set")
    made.add_argument("--weights", default=weights, metavar="NAME", help="weights, by name or folder")
    made.add_argument("--limit", type=positive, metavar="N", help="only the first N items")
    made.add_argument("--json", type=Path, metavar="FILE", help="where to write the report")
    if workers is not None:
        made.add_argument(
            "--workers", type=positive, default=workers, metavar="N", help="processes (%(default)s)"
        )
    return made


def positive(text: str) -> int:
    """Read a whole number above 0, for `argparse`.

    >>> positive("3")
    3
    """
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, received {text!r}")
    return int(text)


def command_line(module: str, arguments: Sequence[str] | None = None) -> str:
    """The command that reproduces a report, fit for publication.

    `--json` is left out, and an absolute path is shortened: to the part below the working folder where it
    lies inside, else to its last part.

    Args:
        module: as for `parser`; a subcommand may follow it, after a space.
        arguments: the command's arguments, by default those of this process.

    >>> command_line("shared.edges.benchmark", ["--data", "/sets/bsds500", "--json", "report.json"])
    'python -m shared.edges.benchmark --data bsds500'
    """
    rest = list(sys.argv[1:] if arguments is None else arguments)
    kept = []
    while rest:
        word = rest.pop(0)
        if word == "--json":
            del rest[:1]
        elif not word.startswith("--json="):
            option, equals, value = word.partition("=")
            kept.append(f"{option}={_short(value)}" if equals and option.startswith("--") else _short(word))
    return shlex.join(["python", "-m", *module.split(), *kept])


def run_protocol(wing: str, protocols: Mapping[str, str], arguments: Sequence[str] | None = None) -> Report:
    """Runs one of a wing's protocols from the command line.

    Args:
        wing: such as `"retrieval"`; a protocol is a module of `shared.<wing>.benchmarks` with a `main`.
        protocols: the name of each and what it measures, in a line.
        arguments: the protocol's name and its arguments, by default those of this process.

    Raises:
        SystemExit: no protocol of this name; the text lists all of them.
    """
    name, *rest = list(sys.argv[1:] if arguments is None else arguments) or [""]
    if name not in protocols:
        lines = [f"python -m shared.{wing}.benchmark {key:<14}{text}" for key, text in protocols.items()]
        raise SystemExit("\n".join([f"The benchmarks of {wing}, one command each:", "", *lines]))
    return importlib.import_module(f"shared.{wing}.benchmarks.{name}").main(rest)


@dataclass(frozen=True)
class Report:
    """What a benchmark has measured.

    Attributes:
        benchmark: what is measured, such as "boundaries".
        data: the data set's name.
        split: the part of it, such as "test".
        items: how many of its items were used.
        weights: the name of the weights, or of the engine where there are several.
        metrics: our figures, {metric: value} or {engine: {metric: value}}; scores are fractions from 0 to 1.
        published: figures of papers, {metric: value} or {source: {metric: value}}.
        seconds: time that the measurement took.
        command: what reproduces it, from `command_line`.
        available: how many items the split has, where it is known; the table says when some were left out.
    """

    benchmark: str
    data: str
    split: str
    items: int
    weights: str
    metrics: Figures
    published: Figures = field(default_factory=dict)
    seconds: float = 0.0
    command: str = ""
    available: int | None = None

    @property
    def images_per_second(self) -> float:
        """Items per second of the whole measurement."""
        return self.items / self.seconds if self.seconds else 0.0

    def table(self) -> str:
        """Our figures above the published ones, as aligned text for a terminal."""
        ours = by_name(self.metrics, self.weights)
        published = {f"{name} (published)": line for name, line in by_name(self.published, "paper").items()}
        rows = {**ours, **published}
        metrics = list(dict.fromkeys(metric for line in rows.values() for metric in line))
        cells = [["", *metrics]]
        cells += [[name, *(_number(line.get(metric)) for metric in metrics)] for name, line in rows.items()]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in cells
        ]
        part = self.available is not None and self.items < self.available
        count = f"the first {self.items} of {self.available}" if part else str(self.items)
        title = f"{self.benchmark} on {self.data}, {self.split}: {count} items, {self.seconds:.1f} s"
        return "\n".join([title, *lines])

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, in the order of the JSON file."""
        values = asdict(self)
        command, available = values.pop("command"), values.pop("available")
        values["seconds"] = round(self.seconds, 2)
        values["images_per_second"] = round(self.images_per_second, 3)
        if available is not None:
            values["available"] = available
        return values | {"command": command}

    def write(self, path: str | Path) -> None:
        """Write the report as JSON; folders on the way are made."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")

    def show(self, path: str | Path | None = None) -> None:
        """Print the table and, where a path is given, write the JSON file: the end of every benchmark."""
        print(self.table())
        if path is not None:
            self.write(path)


def conclude(
    module: str, arguments: Sequence[str] | None, path: str | Path | None, started: float, **measured: Any
) -> Report:
    """Ends a benchmark: makes its report, prints it and, where a path is given, writes the JSON file.

    Args:
        module: as for `command_line`.
        arguments: as for `command_line`.
        path: of the JSON file.
        started: when the measurement began, by `time.perf_counter`.
        **measured: all else that a `Report` holds.
    """
    report = Report(
        **measured, seconds=time.perf_counter() - started, command=command_line(module, arguments)
    )
    report.show(path)
    return report


def by_name(figures: Figures, name: str) -> dict[str, dict[str, float]]:
    """Figures as {name: {metric: value}}, also where they are of one engine only.

    >>> by_name({"ODS": 0.8}, "rds")
    {'rds': {'ODS': 0.8}}
    """
    if not figures:
        return {}
    if all(isinstance(value, Mapping) for value in figures.values()):
        return {key: dict(value) for key, value in figures.items()}
    return {name: dict(figures)}


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if abs(value) <= 1 else f"{value:.4g}"


def _short(word: str) -> str:
    path = PurePath(word)
    if not path.is_absolute():
        return word
    folder = Path.cwd()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name
