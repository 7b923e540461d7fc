"""A small server with a fair queue, whose calls take as long as they are told."""

import asyncio
import socket
import threading
import time
from dataclasses import dataclass, field

import gradio as gr
import httpx
import pytest
import uvicorn
from fastapi import FastAPI

from shared.core.calls import check_call
from shared.ui.errors import user_facing
from shared.ui.events import INFERENCE
from shared.ui.queueing.fair_queue import FairQueue, use_fair_queue
from shared.ui.queueing.graceful_server import GracefulServer
from shared.ui.tool_server import use_tool_server

STEP = 0.01  # seconds between two checks


@dataclass
class WorkServer:
    """Server with the endpoint `work`, and what its calls have done.

    Attributes:
        url: Address of Gradio's routes.
        queue: The queue.
        server: The web server.
        begun: Names of the calls, in the order in which they began.
        ended: Names of those that came to their end.
        stopped: Names of those that were ended, with the time.
    """

    url: str = ""
    queue: FairQueue | None = None
    server: GracefulServer | None = None
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    stopped: dict[str, float] = field(default_factory=dict)

    def work(self, name: str, seconds: float) -> str:
        self.begun.append(name)
        try:
            for _ in range(round(seconds / STEP)):
                check_call()
                time.sleep(STEP)
        except Exception:
            self.stopped[name] = time.monotonic()
            raise
        self.ended.append(name)
        return name

    def post(self, name, seconds=0.0, address="10.0.0.1"):
        """Return the response to a call."""
        headers = {"X-Forwarded-For": address}
        return httpx.post(f"{self.url}/call/work", json={"data": [name, seconds]}, headers=headers)

    def read(self, response) -> list[str]:
        """Return the lines of a call's answer."""
        with self.stream(response) as stream:
            return [line for line in stream.iter_lines() if line]

    def stream(self, response):
        return httpx.stream("GET", f"{self.url}/call/work/{response.json()['event_id']}", timeout=30)

    def wait_for(self, condition, seconds=20.0):
        """Wait until a condition is true."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)


@pytest.fixture
def work_server(monkeypatch, tmp_path):
    """A server of its own for each test."""
    monkeypatch.setattr("gradio.queueing.Queue", FairQueue)
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    use_fair_queue()
    work = WorkServer()

    @user_facing("test")
    def run(name: str, seconds: float) -> str:
        return work.work(name, seconds)

    with gr.Blocks(analytics_enabled=False) as blocks:
        inputs, output = [gr.Textbox(), gr.Number()], gr.Textbox()
        gr.on(
            [],
            run,
            inputs,
            output,
            api_name="work",
            concurrency_id=INFERENCE.group,
            concurrency_limit=INFERENCE.limit,
        )
    blocks.queue(max_size=12, api_open=False)
    use_tool_server()
    app = gr.mount_gradio_app(FastAPI(), blocks, path="/", mcp_server=True)
    work.queue = blocks._queue
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, log_level="critical", timeout_graceful_shutdown=1
    )
    work.server = GracefulServer(config, work.queue)
    work.url = f"http://127.0.0.1:{port}/gradio_api"
    thread = threading.Thread(target=lambda: asyncio.run(work.server.serve()), daemon=True)
    thread.start()
    work.wait_for(lambda: work.server.started)
    yield work
    for running in work.queue._running.get(INFERENCE.group, []):
        running.end("The test is over.")
    work.server.force_exit = work.server.should_exit = True
    thread.join(10)
