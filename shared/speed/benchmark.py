"""Measure the speed of the whole suite on this machine and write the table.

    python -m shared.speed.benchmark --data DIR [--out docs/results/speed.md]

Photos are cut and resized to each task's size. Every task runs in processes of its own: with OpenVINO, in
bfloat16 as well where the processor has it, and with PyTorch on all cores, and with OpenVINO on one core.
Nothing else should run on the machine.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image, ImageOps

from shared.core.cpu_runtime.execution import has_bfloat16
from shared.core.image_files import read_images
from shared.evaluation.reports import command_line, positive_int
from shared.speed.tasks import TASKS, StreamTask

MODULE = "shared.speed.benchmark"
OPENVINO, BFLOAT16, TORCH = "openvino", "openvino-bf16", "torch"
PACKAGES = ("torch", "openvino", "numpy", "pillow")

Figures = dict[str, float]


def main(arguments: Sequence[str] | None = None) -> str:
    """Run the command line and return the table."""
    parser = argparse.ArgumentParser(prog=f"python -m {MODULE}", description="Measure the whole suite.")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="photos, a folder or a ZIP")
    parser.add_argument("--limit", type=positive_int, default=60, metavar="N", help="photos (%(default)s)")
    parser.add_argument("--task", nargs="+", choices=list(TASKS), default=list(TASKS), metavar="NAME")
    parser.add_argument("--out", type=Path, metavar="FILE", help="Markdown file to write")
    options = parser.parse_args(arguments)
    photos = [file.image() for file in read_images([options.data])[: options.limit]]
    if not photos:
        parser.error(f"{options.data} holds no photos")
    cores = sorted(os.sched_getaffinity(0))
    rows = []
    for name in options.task:
        with TemporaryDirectory() as folder:
            write_photos(photos, TASKS[name].size, Path(folder))
            run_task(name, Path(folder), OPENVINO, cores)  # converts the networks
            runtimes = (OPENVINO, BFLOAT16, TORCH) if has_bfloat16() else (OPENVINO, TORCH)
            figures = {runtime: run_task(name, Path(folder), runtime, cores) for runtime in runtimes}
            figures["one core"] = run_task(name, Path(folder), OPENVINO, cores[:1])
        rows.append(table_row(name, figures))
        print(rows[-1], flush=True)
    text = page(rows, len(cores), command_line(MODULE, arguments))
    if options.out is not None:
        options.out.write_text(text, encoding="utf-8")
    return text


def write_photos(photos: Sequence[Image.Image], size: tuple[int, int], folder: Path) -> None:
    """Write photos as JPEG files of a size, cut at the sides where their shape is another."""
    for index, photo in enumerate(photos):
        ImageOps.fit(photo, size, Image.Resampling.BICUBIC).save(folder / f"{index:04}.jpg", quality=90)


def run_task(name: str, folder: Path, runtime: str, cores: Sequence[int]) -> Figures:
    """Measure a task in a new process, see `shared.speed.measure`.

    Args:
        name: One of `TASKS`.
        folder: Photos of its size.
        runtime: Value of `IMAGE_SPACES_CPU_RUNTIME`.
        cores: Numbers of the cores that it may use.
    """
    environment = os.environ | {"IMAGE_SPACES_CPU_RUNTIME": runtime, "OMP_NUM_THREADS": str(len(cores))}
    output = subprocess.run(
        [sys.executable, "-m", "shared.speed.measure", name, str(folder)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    ).stdout
    figures: Figures = json.loads(output.splitlines()[-1])
    return figures


def table_row(name: str, figures: dict[str, Figures]) -> str:
    """Return the row of a task.

    Args:
        name: One of `TASKS`.
        figures: Figures with OpenVINO, with bfloat16 where there is any, with PyTorch, and on one core.
    """
    task = TASKS[name]
    fast, slow, one = (figures[key] for key in (OPENVINO, TORCH, "one core"))
    many = [f"{fast[key]:.0f}" if key in fast else "" for key in ("callers_4", "callers_16")]
    cells = [
        task.title,
        "{} x {}".format(*task.size),
        f"**{fast['per_second']:.0f}**",
        "" if task.goal is None else f"{task.goal:.0f}",
        f"{figures[BFLOAT16]['per_second']:.0f}" if BFLOAT16 in figures else "",
        f"{slow['per_second']:.0f}",
        f"{one['per_second']:.0f}",
        *many,
        "" if isinstance(task, StreamTask) else f"{fast['ms']:.1f}",
        f"{fast['first_seconds']:.1f}",
        f"{fast['peak_mb']:.0f}",
    ]
    return f"| {' | '.join(cells)} |"


def page(rows: Sequence[str], cores: int, command: str) -> str:
    """Return the Markdown page.

    Args:
        rows: Rows of the table.
        cores: Number of cores.
        command: Command that reproduces it.
    """
    versions = ", ".join(f"{package} {importlib.metadata.version(package)}" for package in PACKAGES)
    head = (
        "| task | photos | per second | goal | bfloat16 | PyTorch | one core | 4 callers | 16 callers | ms | "
        "first answer (s) | peak MB |"
    )
    return f"""# Speed

Photos per second from the decoded photo to the result, one after another; of the galleries from files,
several at a time. OpenVINO computes the networks in float32; in the column bfloat16, with
`IMAGE_SPACES_CPU_RUNTIME=openvino-bf16`, in bfloat16, and in the column PyTorch, PyTorch does. The columns
"4 callers" and "16 callers" are photos per second of as many calls at once. The first answer counts from the
start of the process, with the converted networks in the cache; the peak memory includes all libraries. See
[Networks on a CPU](../architecture.md#networks-on-a-cpu).

{head}
{"| --- " * 2}{"| ---: " * 10}|
{os.linesep.join(rows)}

{cores} cores of {processor()}; Python {platform.python_version()}, {versions}.

```bash
{command}
```
"""


def processor() -> str:
    """Return the name of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next(
        (line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine()
    )


if __name__ == "__main__":
    main()
