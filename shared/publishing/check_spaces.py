"""Check that uploads run by themselves: each Space in a new environment with its requirements and no more.

    python -m shared.publishing.check_spaces                      # all Spaces and the suite
    python -m shared.publishing.check_spaces edges suite --python python3.12

Each is assembled as an upload sends it, in a folder outside the checkout, and started there as Hugging Face
starts it: with the Gradio of its front matter and the package `spaces`, without a network. It must answer one
call by Gradio's client and one by MCP. An environment takes gigabytes and minutes, or seconds where `uv` is
installed and has the packages in its cache; it is deleted before the next one is made.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.core import weights
from shared.core.front_matter import read_front_matter
from shared.publishing.assemble import assemble_space, assemble_suite
from shared.publishing.running_space import Call, SpaceError, running

SUITE = "suite"

#: A call of each Space that runs its main network.
CALLS: Mapping[str, Call] = {
    "crossmodal": Call("search_by_text", {"text": "a lion"}, takes_image=False),
    "edges": Call("detect_edges", {}),
    "recognition": Call("classify", {}),
    "restyle": Call("remove_background", {}),
    "retrieval": Call("search_similar", {}),
    "translation": Call("draw", {}),
}

#: Limits of the free hardware (2 cores, 16 GB), and of the seconds that a call may run on it.
MAX_MEGABYTES, MAX_START_SECONDS, MAX_CALL_SECONDS = 16_000, 120, 120


@dataclass(frozen=True)
class Environment:
    """Python with the packages of a Space.

    Attributes:
        command: Interpreter with its options.
        variables: Environment variables that it needs.
        seconds: Seconds of the installation.
    """

    command: Sequence[str]
    variables: Mapping[str, str]
    seconds: float = 0.0


@dataclass(frozen=True)
class Report:
    """Measured figures of a Space.

    Attributes:
        name: Name of the Space, or "suite".
        install: Seconds of the installation.
        start: Seconds until the first page.
        predict: Seconds of the slowest call by Gradio's client, with the load of its network.
        tool: Seconds of the slowest call by MCP.
        megabytes: Peak memory.
    """

    name: str
    install: float
    start: float
    predict: float
    tool: float
    megabytes: float

    def check(self) -> None:
        """Compare the figures with the limits.

        Raises:
            SpaceError: One is beyond its limit.
        """
        for value, limit, text in (
            (self.megabytes, MAX_MEGABYTES, "MB of memory"),
            (self.start, MAX_START_SECONDS, "seconds to start"),
            (max(self.predict, self.tool), MAX_CALL_SECONDS, "seconds for a call"),
        ):
            if value > limit:
                raise SpaceError(f"{self.name} needs {value:.0f} {text}; the limit is {limit}")

    def row(self) -> str:
        """Return the figures as a row of a Markdown table."""
        figures = (self.install, self.start, self.predict, self.tool)
        return f"| {self.name} | {' | '.join(f'{value:.1f}' for value in figures)} | {self.megabytes:.0f} |"


def current_environment() -> Environment:
    """Return the packages of this interpreter, without the checkout, whatever it is installed by."""
    # Without the module `site`, no file of site-packages can add another folder to the path.
    return Environment([sys.executable, "-S"], {"PYTHONPATH": sysconfig.get_path("purelib")})


def new_environment(
    target: Path, requirements: Path, packages: Sequence[str], python: str, constraints: Path | None
) -> Environment:
    """Install packages into a new virtual environment, by `uv` where there is one.

    Args:
        target: Folder of the environment.
        requirements: A `requirements.txt`.
        packages: Further requirements.
        python: Interpreter.
        constraints: A file of versions for pip; None for the newest that fit.

    Raises:
        SpaceError: They cannot be installed.
    """
    begin = time.perf_counter()
    interpreter = str(target / ("Scripts/python.exe" if os.name == "nt" else "bin/python"))
    limits = ["-c", str(constraints)] if constraints else []
    arguments = ["install", "-q", *limits, "-r", str(requirements), *packages]
    if shutil.which("uv"):
        _run(["uv", "venv", "-q", "--python", python, str(target)])
        _run(["uv", "pip", *arguments, "--python", interpreter])
    else:
        _run([python, "-m", "venv", str(target)])
        _run([interpreter, "-m", "pip", *arguments])
    return Environment([interpreter], {}, time.perf_counter() - begin)


def check(name: str, folder: Path, environment: Environment) -> Report:
    """Run an assembled Space and call it.

    Args:
        name: Name of the Space, or "suite".
        folder: Folder from `assemble`.
        environment: Its environment.

    Raises:
        SpaceError: It does not start, answers wrongly, or needs too much.
    """
    from gradio.media import get_image  # deferred: it is slow to import

    photo = Path(get_image("cheetah1.jpg"))
    calls = list(CALLS.values()) if name == SUITE else [CALLS[name]]
    _check_origin(folder, environment)
    with running(name, folder, environment.command, environment.variables) as space:
        predictions = [space.predict(call, photo) for call in calls]
        tools = [space.call_tool(call, photo) for call in calls]
        megabytes = space.peak_megabytes()
    report = Report(name, environment.seconds, space.seconds, max(predictions), max(tools), megabytes)
    report.check()
    return report


def assemble(name: str, target: Path) -> None:
    """Assemble a Space or the suite, see `shared.publishing.upload`."""
    if name == SUITE:
        assemble_suite(target)
    else:
        assemble_space(name, target)


def _check_origin(folder: Path, environment: Environment) -> None:
    """Check that the package comes from the assembled folder."""
    code = "import shared; print(shared.__file__)"
    path = _run([*environment.command, "-c", code], cwd=folder, env=dict(environment.variables))
    if not Path(path.strip()).resolve().is_relative_to(folder.resolve()):
        raise SpaceError(f"the package comes from {path.strip()}, not from the upload")


def _run(command: Sequence[str], cwd: Path | None = None, env: dict[str, str] | None = None) -> str:
    """Run a command and return its output.

    Raises:
        SpaceError: It fails.
    """
    process = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    if process.returncode:
        raise SpaceError(f"{' '.join(command)} fails: {process.stderr[-2000:]}")
    return process.stdout


def _check_new(name: str, options: argparse.Namespace) -> Report:
    """Check a Space in an environment of its own."""
    with tempfile.TemporaryDirectory(prefix=f"check-{name}-") as temporary:
        folder = Path(temporary, "app")
        assemble(name, folder)
        if options.current:
            return check(name, folder, current_environment())
        sdk = f"gradio[mcp,oauth]=={read_front_matter(folder / 'README.md')['sdk_version']}"
        environment = new_environment(
            Path(temporary, "environment"),
            folder / "requirements.txt",
            [sdk, "spaces", *options.package],
            options.python,
            options.constraints,
        )
        return check(name, folder, environment)


def main() -> None:
    """Check Spaces from the command line; the exit code is 1 if one of them fails."""
    parser = argparse.ArgumentParser(
        prog="python -m shared.publishing.check_spaces",
        description="Run Spaces from their uploads, each in a new environment.",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"one of {', '.join([*CALLS, SUITE])}; all of them if none"
    )
    parser.add_argument("--python", default=sys.executable, help="interpreter for the environments")
    parser.add_argument("--constraints", type=Path, help="versions, such as those of constraints.txt")
    parser.add_argument("--package", action="append", default=[], help="a further package, as torch==2.8.*")
    parser.add_argument("--current", action="store_true", help="take the packages of this environment")
    options = parser.parse_args()
    unknown = {*options.names} - {*CALLS, SUITE}
    if unknown:
        choices = ", ".join([*CALLS, SUITE])
        parser.error(f"there is no space {', '.join(sorted(unknown))}: choose from {choices}")

    print("| space | install s | start s | first call s | tool s | peak MB |")
    print("| --- | --- | --- | --- | --- | --- |", flush=True)
    failures = []
    for name in options.names or [*CALLS, SUITE]:
        try:
            print(_check_new(name, options).row(), flush=True)
        except (SpaceError, weights.WeightsError) as error:
            failures.append(f"{name}: {error}")
            print(f"| {name} | failed | | | | |", flush=True)
    if failures:
        parser.exit(1, "\n".join(failures) + "\n")


if __name__ == "__main__":
    main()
