"""Visitors, agents, and photos that they may bring."""

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
    """Somebody with a session of their own; a function that makes another one."""

    def new():
        return Client(server.url, verbose=False, download_files=str(tmp_path))

    return new


@asynccontextmanager
async def connected(url):
    """A session of an agent."""
    async with (
        streamable_http_client(url) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        await session.initialize()
        yield session


@pytest.fixture
def agent(server):
    """An agent with a session of its own; a function that makes another one.

    It has two parts: the tools by name, and a function that uses one and gives its answer.
    """
    # A loop in a thread of its own: the browser tests leave one running in this thread.
    with start_blocking_portal() as portal, ExitStack() as stack:

        def new():
            session = connected(f"{server.url}/gradio_api/mcp/")
            session = stack.enter_context(portal.wrap_async_context_manager(session))
            tools = {tool.name: tool for tool in portal.call(session.list_tools).tools}

            def use(name, **arguments):
                return portal.call(session.call_tool, name, arguments)

            return tools, use

        yield new


@pytest.fixture(scope="session")
def changed(tmp_path_factory):
    """Sample photos, each as somebody else might have it: smaller, mirrored, saved again."""
    folder = tmp_path_factory.mktemp("changed")
    paths = {}
    for name in ("cat", "coffee", "rocket"):
        photo = Image.open(sample_images()[name])
        photo.thumbnail((300, 300))
        paths[name] = folder / f"{name}-changed.jpg"
        ImageOps.mirror(photo).save(paths[name], quality=70)
    return paths
