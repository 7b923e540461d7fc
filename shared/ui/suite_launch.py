"""The suite on ZeroGPU, where Gradio's own server must run it: with all that `build_server` adds."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gradio as gr
from fastapi import APIRouter
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from shared.ui.gradio_workarounds import get_upload_folder
from shared.ui.middleware.access import PasswordAccess, basic_authorization
from shared.ui.middleware.page_heads import PageHeads
from shared.ui.monitoring.temp_folder import TempFolder
from shared.ui.queueing.fair_queue import FairQueue
from shared.ui.queueing.graceful_server import drain_on_signals
from shared.ui.server import MAX_SESSIONS, Space, add_routes, gradio_settings, middleware, page_heads
from shared.ui.server_settings import ServerSettings
from shared.ui.tool_server import ToolServer, use_tool_server


def launch_suite(
    suite: gr.Blocks,
    spaces: Mapping[str, Space],
    front_matter: Mapping[str, Mapping[str, Any]],
    settings: ServerSettings,
) -> None:
    """Serve the suite until Ctrl-C by `launch()`, in which ZeroGPU's package reports the app as ready.

    Args:
        suite: All pages, from `shared.ui.server.build_suite`.
        spaces: Modules of the spaces by name.
        front_matter: Front matter of each space's README, by name.
        settings: Address and access.
    """
    queue = suite._queue
    assert isinstance(queue, FairQueue)
    router = APIRouter()
    add_routes(router, spaces)
    layers = [*middleware(suite), Middleware(PageHeads, heads=page_heads(front_matter))]
    headers = {}
    if settings.accounts:

        def password_access(app: ASGIApp) -> PasswordAccess:  # called once Gradio has built its app
            return PasswordAccess(app, gradio_app=suite.app, accounts=settings.accounts)

        layers.insert(0, Middleware(password_access))
        headers = {"authorization": basic_authorization(settings.accounts[0])}
    TempFolder(Path(get_upload_folder()), suite.temp_file_sets).start()
    use_tool_server()
    drain_on_signals(queue)
    suite.launch(
        server_name=settings.host,
        server_port=settings.port,
        root_path=settings.root_path or None,
        auth=list(settings.accounts) or None,
        app_kwargs={"middleware": layers, "routes": router.routes},
        state_session_capacity=MAX_SESSIONS,
        prevent_thread_lock=True,
        **gradio_settings(),
    )
    tool_server = suite.mcp_server_obj
    assert isinstance(tool_server, ToolServer)
    tool_server.set_own_server(settings.local_url, headers)
    suite.block_thread()
