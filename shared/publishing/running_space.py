"""Runs of assembled Spaces, as on Hugging Face: start, calls by both protocols, memory and end."""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.core import weights

START_SECONDS = 300  # until the first page, after which a start has failed
STOP_SECONDS = 30


class SpaceError(RuntimeError):
    """Space that does not start, or that answers wrongly; the text says what happened."""


@dataclass(frozen=True)
class Call:
    """Call of an endpoint.

    Attributes:
        endpoint: Its name, which is also that of the MCP tool.
        arguments: Values of arguments beside the photo.
        takes_image: True for an endpoint with an argument `image`.
    """

    endpoint: str
    arguments: Mapping[str, Any]
    takes_image: bool = True


@dataclass(frozen=True)
class RunningSpace:
    """Process that serves a Space.

    Attributes:
        url: Address of its page.
        process: The process.
        seconds: Seconds until its first page.
    """

    url: str
    process: subprocess.Popen[bytes]
    seconds: float

    def predict(self, call: Call, photo: Path) -> float:
        """Make a call by Gradio's Python client.

        Returns:
            Seconds of the call.

        Raises:
            SpaceError: The answer is empty, or an error.
        """
        from gradio_client import Client, handle_file  # type: ignore[import-untyped]  # deferred: it is slow

        with tempfile.TemporaryDirectory() as folder:
            client = Client(self.url, verbose=False, download_files=folder, httpx_kwargs={"trust_env": False})
            images = {"image": handle_file(photo)} if call.takes_image else {}
            begin = time.perf_counter()
            try:
                answer = client.predict(**images, **call.arguments, api_name=f"/{call.endpoint}")
            except Exception as error:  # the client raises anything
                raise SpaceError(f"/{call.endpoint} answers with an error: {error}") from error
            seconds = time.perf_counter() - begin
            check_answer(call.endpoint, answer)
        return seconds

    def call_tool(self, call: Call, photo: Path) -> float:
        """Make a call by MCP, as an agent does.

        Returns:
            Seconds of the call.

        Raises:
            SpaceError: The tool does not exist, or answers with an error.
        """
        import anyio
        from mcp import ClientSession
        from mcp.client.streamable_http import streamable_http_client

        images = {"image": data_url(photo)} if call.takes_image else {}

        async def use() -> tuple[float, Any]:
            async with (
                streamable_http_client(f"{self.url}/gradio_api/mcp/") as (reading, writing, _),
                ClientSession(reading, writing) as session,
            ):
                await session.initialize()
                names = [tool.name for tool in (await session.list_tools()).tools]
                # On Hugging Face, Gradio puts the name of the Space before that of the tool.
                tools = [name for name in names if f"_{name}".endswith(f"_{call.endpoint}")]
                if not tools:
                    return 0.0, None
                begin = time.perf_counter()
                answer = await session.call_tool(min(tools, key=len), {**images, **call.arguments})
                return time.perf_counter() - begin, answer

        seconds, answer = anyio.run(use)  # errors inside would be wrapped in groups
        if answer is None:
            raise SpaceError(f"there is no tool {call.endpoint}")
        if answer.isError or not answer.content:
            raise SpaceError(f"the tool {call.endpoint} answers with an error: {answer.content}")
        return seconds

    def peak_megabytes(self) -> float:
        """Return the largest memory of the process so far; 0 on systems other than Linux."""
        try:
            status = Path("/proc", str(self.process.pid), "status").read_text(encoding="utf-8")
        except OSError:
            return 0.0
        peak = re.search(r"^VmHWM:\s+(\d+) kB", status, re.MULTILINE)
        return int(peak[1]) / 1024 if peak else 0.0


@contextmanager
def running(
    name: str, folder: Path, command: Sequence[str], variables: Mapping[str, str] | None = None
) -> Iterator[RunningSpace]:
    """Run the `app.py` of an assembled folder until the block ends, without a network.

    The process sees none of the caller's variables but PATH, so that it finds neither his cache of the Hub
    nor his packages.

    Args:
        name: Name of the Space.
        folder: Folder from `upload.assemble_space` or `upload.assemble_suite`.
        command: Python interpreter with its options.
        variables: Further environment variables.

    Raises:
        SpaceError: It ends, or shows no page within `START_SECONDS`; or it does not end when it is told to.
    """
    with tempfile.TemporaryDirectory() as home, open(Path(home, "log"), "w+b") as log:
        port = _free_port()
        settings = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": home,
            "TMPDIR": home,
            "SYSTEM": "spaces",
            "SPACE_ID": f"{weights.HUB_ORG}/{name}",
            "GRADIO_SERVER_NAME": "127.0.0.1",
            "GRADIO_SERVER_PORT": str(port),
            "HF_HUB_OFFLINE": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            **(variables or {}),
        }
        begin = time.perf_counter()
        process = subprocess.Popen(
            [*command, "app.py"], cwd=folder, env=settings, stdout=log, stderr=subprocess.STDOUT
        )
        url = f"http://127.0.0.1:{port}"
        try:
            if not _wait_for_page(url, process):
                log.seek(0)
                raise SpaceError(f"{name} does not start:\n{log.read().decode(errors='replace')[-3000:]}")
            yield RunningSpace(url, process, time.perf_counter() - begin)
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise SpaceError(f"{name} does not end within {STOP_SECONDS} seconds of SIGTERM") from None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def check_answer(endpoint: str, answer: object) -> None:
    """Check that an answer holds something: images that are not of one color, and values that are not empty.

    Raises:
        SpaceError: It does not.
    """
    from PIL import Image

    parts = answer if isinstance(answer, tuple) else (answer,)
    for part in parts:
        if isinstance(part, str) and part.endswith((".png", ".jpg", ".webp")):
            with Image.open(part) as image:
                if image.convert("RGB").getcolors(maxcolors=1):
                    raise SpaceError(f"/{endpoint} answers with an image of a single color")
        elif not part:
            raise SpaceError(f"/{endpoint} answers with {part!r}")


def data_url(photo: Path) -> str:
    """Return a photo, a JPEG file, as a data URL."""
    return f"data:image/jpeg;base64,{base64.b64encode(photo.read_bytes()).decode()}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _wait_for_page(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Return True once a page answers, and False if the process ends before, or takes too long."""
    import httpx

    end = time.perf_counter() + START_SECONDS
    with httpx.Client(trust_env=False, timeout=START_SECONDS) as http:
        while process.poll() is None and time.perf_counter() < end:
            try:
                return http.get(f"{url}/config").status_code == 200
            except httpx.TransportError:
                time.sleep(0.1)
    return False
