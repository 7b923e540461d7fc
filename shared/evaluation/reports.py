"""Benchmark reports: command-line options, aligned table, JSON file."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePath
from typing import Any, NamedTuple, TypeAlias

Metrics: TypeAlias = Mapping[str, float]
#: `{metric: value}`, or `{engine: {metric: value}}` for several engines.
Figures: TypeAlias = Metrics | Mapping[str, Metrics]


def benchmark_parser(
    description: str, module: str, *, weights: str | None = None, workers: int | None = None
) -> argparse.ArgumentParser:
    """Build the argument parser of a benchmark with the options that all of them share.

    Args:
        description: One sentence on the quantity that is measured.
        module: Full module name, as in `python -m shared.edges.benchmark`.
        weights: Default of `--weights`, a name or a folder.
        workers: Default of `--workers`; None for a benchmark that runs in one process and has no such option.

    Returns:
        A parser to which a benchmark adds its own options.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="root folder of the data set")
    parser.add_argument("--weights", default=weights, metavar="NAME", help="weights, by name or folder")
    parser.add_argument("--limit", type=positive_int, metavar="N", help="only the first N items")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write the report")
    if workers is not None:
        parser.add_argument(
            "--workers", type=positive_int, default=workers, metavar="N", help="processes (%(default)s)"
        )
    return parser


def positive_int(text: str) -> int:
    """Parse a whole number above 0, for `argparse`.

    Args:
        text: Value from the command line.

    Returns:
        The number.

    Raises:
        argparse.ArgumentTypeError: `text` is no such number.

    >>> positive_int("3")
    3
    """
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, received {text!r}")
    return int(text)


def command_line(module: str, arguments: Sequence[str] | None = None) -> str:
    """Return the command that reproduces a report, without paths of this computer.

    `--json` is left out, and an absolute path is shortened: to the part below the working folder where it
    lies inside, else to its last part.

    Args:
        module: Full module name; a subcommand may follow it, after a space.
        arguments: Arguments of the command, by default those of this process.

    Returns:
        A command for a shell.

    >>> command_line("shared.edges.benchmark", ["--data", "/sets/bsds500", "--json", "report.json"])
    'python -m shared.edges.benchmark --data bsds500'
    """
    words = iter(sys.argv[1:] if arguments is None else arguments)
    public = []
    for word in words:
        if word == "--json":
            next(words, None)
        elif not word.startswith("--json="):
            option, equals, value = word.partition("=")
            long_option = equals and option.startswith("--")
            public.append(f"{option}={_shorten_path(value)}" if long_option else _shorten_path(word))
    return shlex.join(["python", "-m", *module.split(), *public])


@dataclass(frozen=True)
class Report:
    """Figures of one benchmark run.

    Attributes:
        benchmark: Name of the benchmark, such as "boundaries".
        data: Name of the data set.
        split: Part of it, such as "test".
        items: Number of items used.
        weights: Name of the weights, or of the engines where there are several.
        metrics: Our figures, `{metric: value}` or `{engine: {metric: value}}`; scores are fractions in 0..1.
        published: Figures of papers, `{metric: value}` or `{source: {metric: value}}`.
        seconds: Duration of the measurement.
        command: Command that reproduces it, from `command_line`.
        available: Number of items in the split, where it is known; the table mentions a part.
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
        """Items per second over the whole measurement."""
        return self.items / self.seconds if self.seconds else 0.0

    def table(self) -> str:
        """Return our figures above the published ones, as aligned text for a terminal."""
        published = by_engine(self.published, "paper")
        rows = {
            **by_engine(self.metrics, self.weights),
            **{f"{source} (published)": figures for source, figures in published.items()},
        }
        metrics = list(dict.fromkeys(metric for figures in rows.values() for metric in figures))
        cells = [["", *metrics]]
        cells += [[name, *(_number(row.get(metric)) for metric in metrics)] for name, row in rows.items()]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in cells
        ]
        partial = self.available is not None and self.items < self.available
        count = f"the first {self.items} of {self.available}" if partial else str(self.items)
        title = f"{self.benchmark} on {self.data}, {self.split}: {count} items, {self.seconds:.1f} s"
        return "\n".join([title, *lines])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, in the order of the JSON file."""
        values = asdict(self)
        command, available = values.pop("command"), values.pop("available")
        values["seconds"] = round(self.seconds, 2)
        values["images_per_second"] = round(self.images_per_second, 3)
        if available is not None:
            values["available"] = available
        return values | {"command": command}

    def write(self, path: str | Path) -> None:
        """Write the JSON file, and create the folders above it."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(self.as_dict(), indent=2) + "\n", encoding="utf-8")


def finish(report: Report, path: str | Path | None = None) -> Report:
    """Print a report's table and write its JSON file: the end of every benchmark.

    Args:
        report: Report of the run.
        path: JSON file to write, if any.

    Returns:
        The report.
    """
    print(report.table())
    if path is not None:
        report.write(path)
    return report


#: `main` of a benchmark: takes the command's arguments, by default those of this process.
BenchmarkMain: TypeAlias = Callable[[Sequence[str]], Report]


class Benchmark(NamedTuple):
    """Benchmark of a capability, as its command line lists it.

    Attributes:
        load: Imports the benchmark's module and returns its `main`.
        description: One line on the quantity that is measured.
    """

    load: Callable[[], BenchmarkMain]
    description: str


def run_benchmark(
    module: str, benchmarks: Mapping[str, Benchmark], arguments: Sequence[str] | None = None
) -> Report:
    """Run the benchmark that the command line names.

    Args:
        module: Module of the command, such as `"shared.retrieval.benchmark"`.
        benchmarks: Benchmarks of the capability, by name.
        arguments: Name of a benchmark and its arguments, by default those of this process.

    Returns:
        The benchmark's report.

    Raises:
        SystemExit: There is no benchmark of this name; the text lists all of them.
    """
    name, *remaining = list(sys.argv[1:] if arguments is None else arguments) or [""]
    if name not in benchmarks:
        lines = [f"python -m {module} {key:<14}{row.description}" for key, row in benchmarks.items()]
        raise SystemExit("\n".join([f"Benchmarks of {module.rpartition('.')[0]}:", "", *lines]))
    return benchmarks[name].load()(remaining)


def by_engine(figures: Figures, name: str) -> dict[str, dict[str, float]]:
    """Return figures as `{name: {metric: value}}`, also where they belong to a single engine.

    Args:
        figures: `{metric: value}` or `{engine: {metric: value}}`.
        name: Name for figures of the first form.

    >>> by_engine({"ODS": 0.8}, "rds")
    {'rds': {'ODS': 0.8}}
    """
    nested: dict[str, dict[str, float]] = {}
    flat: dict[str, float] = {}
    for key, value in figures.items():
        if isinstance(value, Mapping):
            nested[key] = dict(value)
        else:
            flat[key] = value
    return {name: flat} if flat else nested


def _number(value: float | None) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value)
    return f"{value:.4f}" if abs(value) <= 1 else f"{value:.4g}"


def _shorten_path(word: str) -> str:
    path = PurePath(word)
    if not path.is_absolute():
        return word
    folder = Path.cwd()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name
