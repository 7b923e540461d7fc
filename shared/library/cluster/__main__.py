"""Command line of the cluster: `describe` adds photos to a library, `plan` computes hours and bytes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial

from tqdm import tqdm

from shared.core.errors import InputError
from shared.core.weights import WeightsError
from shared.library.cluster.plan import Plan
from shared.library.errors import require_packages
from shared.library.library import Library
from shared.library.results import LibraryReport


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = _parser().parse_args(arguments)
    if options.command == "plan":
        rates = (options.photos_per_second, options.kilobytes, options.cost)
        print(Plan(options.photos, options.nodes, *rates).text())
        return 0
    try:
        report = describe(options)
    except (InputError, WeightsError) as error:
        print(error, file=sys.stderr)
        return 2
    for path, sentence in report.skipped:
        print(f"{path}: {sentence}", file=sys.stderr)
    print(
        f"{report.added:,} added, {report.changed:,} changed, {report.moved:,} moved, "
        f"{report.unchanged:,} unchanged, {len(report.skipped):,} skipped in {report.seconds:.1f} s"
    )
    return 1 if report.skipped else 0


def describe(options: argparse.Namespace) -> LibraryReport:
    """Add photos to a library, described on the cluster."""
    require_packages("ray")
    from shared.library.cluster.describer import ClusterDescriber, Workers, connect

    workers = Workers(options.workers, options.cpus, options.gpus)
    connect(options.address)
    with (
        Library.open(options.library) as library,
        tqdm(unit=" photos", disable=not sys.stderr.isatty()) as bar,
    ):

        def show(done: int, total: int, seconds_left: float | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        return library.add(options.sources, show, describer=partial(ClusterDescriber, workers=workers))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m shared.library.cluster", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("describe", help="add photos to a library, described on a Ray cluster")
    run.add_argument("sources", nargs="+", help="folders, patterns or photos, at the same path on all nodes")
    run.add_argument("--library", required=True, metavar="URI", help="folder or address of the library")
    run.add_argument("--address", default="auto", help="cluster: auto (default), local, or host:port")
    run.add_argument("--workers", type=int, default=1, metavar="N", help="largest number of workers")
    run.add_argument("--cpus", type=int, default=1, metavar="N", help="cores of each worker")
    run.add_argument("--gpus", type=float, default=0, metavar="X", help="GPUs of each worker, such as 0.5")
    plan = commands.add_parser("plan", help="compute hours, bytes and cost of a large library")
    plan.add_argument("--photos", type=float, default=1e8, metavar="N")
    plan.add_argument("--nodes", type=int, default=100, metavar="N")
    plan.add_argument(
        "--photos-per-second", type=float, required=True, metavar="X", help="measured, of a node"
    )
    plan.add_argument(
        "--kilobytes", type=float, required=True, metavar="X", help="of a photo's row, measured"
    )
    plan.add_argument("--cost", type=float, default=0, metavar="X", help="of a node for an hour")
    return parser


if __name__ == "__main__":
    sys.exit(main())
