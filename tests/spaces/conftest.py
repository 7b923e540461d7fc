"""Visitors and agents of a running suite, and images that they bring."""

from contextlib import ExitStack, asynccontextmanager

import pytest
from anyio.from_thread import start_blocking_portal
from gradio_client import Client
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from PIL import Image, ImageOps

from shared.ui.sample_images import sample_images


@pytest.fixture
def visitor(server, tmp_path):
    """Return a function that starts a new session of a visitor."""

    def new():
        return Client(server.url, verbose=False, download_files=str(tmp_path))

    return new


@asynccontextmanager
async def connect(url):
    """Open an agent's session."""
    async with (
        streamable_http_client(url) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        yield session


@pytest.fixture
def agent(server):
    """Return a function that starts a new session of an agent.

    It returns the tools by name, and a function that calls one.
    """
    # The event loop runs in its own thread: the browser tests leave one running in this thread.
    with start_blocking_portal() as portal, ExitStack() as stack:

        def new():
            session = connect(f"{server.url}/gradio_api/mcp/")
            session = stack.enter_context(portal.wrap_async_context_manager(session))
            tools = {tool.name: tool for tool in portal.call(session.list_tools).tools}

            def call(name, /, **arguments):
                return portal.call(session.call_tool, name, arguments)

            return tools, call

        yield new


@pytest.fixture(scope="session")
def edited_images(tmp_path_factory):
    """Sample photos as other people might have them: smaller, mirrored, saved again."""
    folder = tmp_path_factory.mktemp("edited")
    paths = {}
    for name in ("cat", "coffee", "rocket"):
        image = Image.open(sample_images()[name])
        image.thumbnail((300, 300))
        paths[name] = folder / f"{name}-edited.jpg"
        ImageOps.mirror(image).save(paths[name], quality=70)
    return paths
