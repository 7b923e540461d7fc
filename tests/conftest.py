"""Running servers for tests, started as a visitor would start them."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest
from gradio_client import Client
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
NETWORK_CACHE = TemporaryDirectory()
START_TIMEOUT = 240  # seconds; a first start after an installation compiles a thousand files


# Most tests make networks of their own, whose conversion for the CPU runtime takes a second each;
# `tests/core/test_cpu_runtime.py` holds it to the results of PyTorch, and servers use it.
os.environ["IMAGE_SPACES_CPU_RUNTIME"] = "torch"


# A shell has its background jobs ignore Ctrl-C, and so would the servers that the tests stop by it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Server:
    """Running `app.py`.

    Attributes:
        url: Address.
        process: Process of the server.
        log: File with its output.
        seconds: Seconds until its first page.
        cpu_seconds: Processor time until its first page, in seconds.
        libraries: File names of the shared libraries that it has loaded by then.
    """

    url: str
    process: subprocess.Popen
    log: Path
    seconds: float
    cpu_seconds: float
    libraries: set[str]

    def http(self, **settings) -> httpx.Client:
        """Return a new client, since the server closes the connection after an error."""
        return httpx.Client(base_url=self.url, timeout=120, trust_env=False, **settings)

    def stop(self) -> int:
        """Press Ctrl-C and return the exit code."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=30)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(folder: Path, **settings: str) -> dict[str, str]:
    """Return the environment of a server: offline, without the developer's settings, files in `folder`."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("GRADIO_", "IMAGE_SPACES_")) and not name.lower().endswith("_proxy")
    }
    return inherited | {
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
        "HF_HUB_OFFLINE": "1",
        "XDG_CACHE_HOME": str(folder / "cache"),
        "IMAGE_SPACES_NETWORK_CACHE": NETWORK_CACHE.name,  # all servers run the same networks
        **settings,
    }


def resource_usage(process: subprocess.Popen) -> tuple[float, set[str]]:
    """Return the processor time in seconds and the loaded libraries of a process (Linux only)."""
    folder = Path("/proc", str(process.pid))
    if not folder.is_dir():
        return float("inf"), set()
    times = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
    lines = (folder / "maps").read_text().splitlines()
    return sum(map(int, times)) / os.sysconf("SC_CLK_TCK"), {line.rpartition("/")[2] for line in lines}


def start(folder: Path, app: Path = ROOT / "app.py", **settings: str) -> Server:
    """Start the suite, or another app, on a free port and wait for its first page."""
    port = free_port()
    settings |= {"IMAGE_SPACES_PORT": str(port), "GRADIO_SERVER_PORT": str(port)}
    log = folder / "server.log"
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            [sys.executable, str(app)],
            cwd=folder,
            env=environment(folder, **settings),
            stdout=stream,
            stderr=subprocess.STDOUT,
        )
    url, begin = f"http://127.0.0.1:{port}", time.monotonic()
    while time.monotonic() - begin < START_TIMEOUT:
        if process.poll() is not None:
            break
        try:
            httpx.get(url, trust_env=False, timeout=START_TIMEOUT)
        except httpx.TransportError:
            time.sleep(0.05)
            continue
        return Server(url, process, log, time.monotonic() - begin, *resource_usage(process))
    process.kill()
    raise RuntimeError(f"{app} did not answer:\n{log.read_text()}")


@pytest.fixture(scope="session")
def start_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Server]]:
    """Return a function that starts a server with other settings or another app."""
    servers = []

    def new(**settings) -> Server:
        servers.append(start(tmp_path_factory.mktemp("server"), **settings))
        return servers[-1]

    yield new
    for server in servers:
        if server.process.poll() is None:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server]) -> Server:
    """Return the suite with default settings, shared by all tests."""
    return start_server()


@pytest.fixture(scope="session")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Return Gradio's Python client of the suite."""
    return Client(server.url, verbose=False, download_files=str(tmp_path_factory.mktemp("downloads")))


@pytest.fixture(scope="session")
def cat_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the path of a small photograph: scikit-image's cat, 240 x 160 pixels."""
    from shared.ui.sample_images import sample_images

    path = tmp_path_factory.mktemp("photo") / "cat.jpg"
    Image.open(sample_images()["cat"]).resize((240, 160)).save(path, quality=92)
    return path
