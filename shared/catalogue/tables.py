"""Tables of all engines from the Hub, made from their rows, for `docs/hub-models.md`.

    python -m shared.catalogue.tables

The memory is computed from the number of parameters, and has not been measured with the real weights.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from shared.core.engines import Engine
from shared.core.weights import ROOT
from shared.crossmodal.engines import CAPTIONERS
from shared.crossmodal.engines import ENGINES as CROSSMODAL
from shared.publishing.tables import fill
from shared.recognition.engines import CLASSIFIERS, FINDERS, SEGMENTERS
from shared.restyle.engines import GENERATORS, PARSERS
from shared.retrieval.engines import ENGINES as RETRIEVAL
from shared.translation.editing.rows import EDITOR_ROWS

FILE = ROOT / "docs" / "hub-models.md"
#: Tables of engines by the mark between which they stand.
TABLES: Mapping[str, tuple[Mapping[str, Engine[Any]], ...]] = {
    "recognition": (CLASSIFIERS, SEGMENTERS, FINDERS),
    "crossmodal": (CROSSMODAL, CAPTIONERS),
    "retrieval": (RETRIEVAL,),
    "editing": (EDITOR_ROWS,),
    "clothes": (PARSERS, GENERATORS),
}
HEAD = (
    *("engine", "repository", "commit", "licence", "parameters", "download"),
    *("memory on a CPU", "on a 16 GB GPU", "on ZeroGPU", "as published"),
)
#: Gigabytes to work in beside the weights: of a pipeline (`core.diffusion.memory`) and of a single network.
PIPELINE_GB, NETWORK_GB = 3.0, 1.0
SMALL_GPU_GB = 16.0


def hub_rows(mark: str) -> list[Engine[Any]]:
    """Return the engines of a part of the document whose own weights are a repository of the Hub."""
    rows = [row for table in TABLES[mark] for row in table.values() if row.from_hub]
    return [row for row in rows if "/" in (row.weights or "")]


def document(text: str) -> str:
    """Return the document with all tables made anew."""
    for mark in TABLES:
        text = fill(text, mark, _table(_cells(row) for row in hub_rows(mark))) or text
    return text


def _cells(row: Engine[Any]) -> tuple[str, ...]:
    name = row.weights or ""
    pipeline = hasattr(row, "gpu_gb") or row.name == "flux2-klein"
    parameters, room = row.parameters or 0, PIPELINE_GB if pipeline else NETWORK_GB
    cpu, gpu = (parameters * size / 1e9 + room for size in (4, 4 if row.full_precision else 2))
    small = _gigabytes(gpu)
    if gpu > SMALL_GPU_GB:
        small = "one network at a time" if pipeline else "runs on the CPU"
    return (
        f"`{row.name}`",
        f"[{name}](https://huggingface.co/{name})",
        _commit(row.revision),
        row.licence or "",
        _count(parameters),
        f"{row.download_gb:g} GB" if row.download_gb else "",
        _gigabytes(cpu),
        small,
        _gigabytes(gpu),
        row.published,
    )


def _commit(revision: str | None) -> str:
    """Return the first digits of a commit; a branch is none."""
    if revision is None or "/" in revision:
        return f"not pinned yet{f', `{revision}`' if revision else ''}"
    return f"`{revision[:12]}`"


def _count(parameters: int) -> str:
    return f"{parameters / 1e9:.2f} billion" if parameters >= 1e9 else f"{parameters / 1e6:.0f} million"


def _gigabytes(value: float) -> str:
    return f"{value:.1f} GB" if value < 10 else f"{value:.0f} GB"


def _table(rows: Iterable[tuple[str, ...]]) -> str:
    lines = [HEAD, ("---",) * len(HEAD), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Write the tables into the document."""
    FILE.write_text(document(FILE.read_text("utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
