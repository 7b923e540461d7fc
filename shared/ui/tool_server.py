"""MCP server of a suite: Gradio's, as of version 6.31, with tools that an agent can chain.

| method | shortcoming of Gradio | upstream issue |
| --- | --- | --- |
| `create_mcp_server` | fetches its own results, which its guard against private hosts refuses | none known |
| `convert_strings_to_filedata` | takes no texts inside lists | none known |
| `get_input_schema` | describes files by internal names; leaves out defaults such as 0 | none known |
| `postprocess_output_data` | writes values as Python does, not as JSON | none known |
| `_execute_tool_...` | packs several results into one text; tells agents to change the server | none known |
| `_execute_tool_...` | lets a tool work on when its agent has left | none known |
| `_get_or_create_client` | calls the host that the first agent names, without a password | none known |
| `_prepare_tool_call_args` | passes on the address that an agent claims, and no other | none known |
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import gradio as gr
from anyio.to_thread import run_sync
from gradio import mcp as gradio_mcp
from gradio import processing_utils, route_utils
from gradio_client import Client  # type: ignore[import-untyped]
from gradio_client import utils as client_utils
from starlette.requests import Request

from shared.ui.errors import UNEXPECTED
from shared.ui.gradio_workarounds import accepted_path, new_cache_path, save_data_url

FILE_ROUTE = "/gradio_api/file="
#: Hint for agents, which follows the description of each tool that takes files.
FILE_HINT = (
    " A picture is given by its web address, by the address in another tool's result, or as a data URL"
    " (data:image/png;base64,...)."
)
POLL_SECONDS = 0.5  # between two looks at whether an agent is still there
_FILE_SCHEMA = {"type": "string", "format": "uri"}


class ToolServer(gradio_mcp.GradioMCPServer):
    """`GradioMCPServer` whose tools take the results of one another, and give values as JSON.

    Attributes:
        headers: Headers of the calls that it sends to its own server.
    """

    headers: Mapping[str, str] = {}

    def set_own_server(self, url: str, headers: Mapping[str, str]) -> None:
        """Set the address by which the process reaches its own server, and the headers of its calls."""
        self._local_url, self.headers = url, headers

    def create_mcp_server(self) -> Any:
        server = super().create_mcp_server()
        call_tool = server.request_handlers[self.types.CallToolRequest]

        async def call_with_files(request: Any) -> Any:
            try:
                await self._fetch_files(request.params)
            except gr.Error as error:
                content = [self.types.TextContent(type="text", text=str(error.message))]
                return self.types.ServerResult(self.types.CallToolResult(content=content, isError=True))
            return await call_tool(request)

        server.request_handlers[self.types.CallToolRequest] = call_with_files
        return server

    async def _fetch_files(self, call: Any) -> None:
        """Replace the addresses and data URLs among the arguments of a call by paths of local files.

        Raises:
            gr.Error: A file cannot be fetched. In a list, a file without a picture takes its place, so that
                it is reported like any file that cannot be used, and the others are read.
        """
        arguments = call.arguments or {}
        if call.name not in self.tool_to_endpoint:
            return
        for name in self._file_arguments(call.name):
            value = arguments.get(name)
            if isinstance(value, str):
                arguments[name] = await self._fetch(value)
            elif isinstance(value, list):
                arguments[name] = [
                    await self._fetch_or_replace(item) if isinstance(item, str) else item for item in value
                ]

    async def _fetch_or_replace(self, address: str) -> str:
        try:
            return await self._fetch(address)
        except gr.Error as error:
            name = "data URL" if address.startswith("data:") else Path(urlsplit(address).path).name or address
            path = new_cache_path(name[:80])
            path.write_text(str(error.message), encoding="utf-8")
            return str(path)

    async def _fetch(self, address: str) -> str:
        """Return the path of a local file with the content at an address.

        Raises:
            gr.Error: It cannot be fetched, or is no address.
        """
        if address.startswith("data:"):
            return save_data_url(address)
        if not address.startswith(("http://", "https://")):
            return _upload(address)
        base, route, path = address.partition(FILE_ROUTE)
        if route and _without_scheme(base) in self._own_addresses():
            return _result(unquote(path.partition("?")[0]))
        folder = new_cache_path("download").parent
        try:
            return await processing_utils.async_ssrf_protected_download(address, str(folder))
        except Exception as error:  # of sockets, TLS, HTTP, and of Gradio's guard against private hosts
            raise gr.Error(
                f"Nothing can be fetched from {_excerpt(address)}: please check the address, or send the "
                "picture as a data URL.",
                print_exception=False,
            ) from error

    def _own_addresses(self) -> set[str]:
        """Return the addresses of this server without scheme: the caller's, and that of the process."""
        request: Any = self.mcp_server.request_context.request
        root = route_utils.get_root_url(request, self.get_route_path(request), self.root_path)
        return {_without_scheme(root), _without_scheme(self.local_url or root)}

    def _file_arguments(self, tool_name: str) -> set[str]:
        _, positions = self.get_input_schema(tool_name)
        return {str(position[0]) for position in positions}

    def convert_strings_to_filedata(self, value: Any, filedata_positions: list[list[str | int]]) -> Any:
        names = {position[0] for position in filedata_positions}
        return {name: _file_data(argument) if name in names else argument for name, argument in value.items()}

    def get_input_schema(
        self, tool_name: str, parameters: dict[str, str] | None = None
    ) -> tuple[dict[str, Any], list[list[str | int]]]:
        schema, positions = super().get_input_schema(tool_name, parameters)
        endpoint = self.api_info["named_endpoints"][self.tool_to_endpoint[tool_name]]
        for parameter in endpoint["parameters"]:
            field = schema["properties"][parameter["parameter_name"]]
            field.pop("title", None)
            for position in positions:
                if position[0] != parameter["parameter_name"]:
                    continue
                description = {key: field[key] for key in ("description",) if key in field}
                items = {"type": "array", "items": _FILE_SCHEMA} if len(position) > 1 else _FILE_SCHEMA
                schema["properties"][position[0]] = field = {**items, **description}
            if parameter.get("parameter_default") is not None:
                field["default"] = parameter["parameter_default"]
        return schema, positions

    @property
    def _file_data_tool_description(self) -> str:
        return FILE_HINT

    def postprocess_output_data(self, data: Any, root_url: str) -> list[Any]:
        local_root = (self.local_url or "").rstrip("/") or None
        contents: list[Any] = []
        for output in processing_utils.add_root_url(list(data), root_url, local_root):
            if isinstance(output, str) or client_utils.is_file_obj_with_meta(output):
                contents += super().postprocess_output_data([output], root_url)
            else:
                value = client_utils.traverse(output, _address, client_utils.is_file_obj_with_meta)
                contents.append(
                    self.types.TextContent(type="text", text=json.dumps(value, ensure_ascii=False))
                )
        return contents

    async def _execute_tool_without_progress(self, job: Any) -> list[Any]:
        try:
            async with self._ended_with_agent(job):
                result = await run_sync(job.result)
        except Exception as error:
            raise RuntimeError(_readable(error)) from error
        return list(result) if isinstance(result, tuple) else [result]

    async def _execute_tool_with_progress(self, job: Any, progress_token: str | int) -> Any:
        try:
            async with self._ended_with_agent(job):
                return await super()._execute_tool_with_progress(job, progress_token)
        except Exception as error:
            raise RuntimeError(_readable(error)) from error

    @asynccontextmanager
    async def _ended_with_agent(self, job: Any) -> AsyncIterator[None]:
        """Cancel a job when the agent that waits for it leaves, or can be sent nothing any more."""
        watch = asyncio.create_task(_cancel_when_left(job, self.mcp_server.request_context.request))
        try:
            yield
        finally:
            watch.cancel()
            if not job.done():
                asyncio.get_running_loop().run_in_executor(None, job.cancel)

    def _prepare_tool_call_args(
        self, name: str, arguments: dict[str, Any]
    ) -> tuple[str, list[Any], dict, Any]:
        endpoint, values, headers, function = super()._prepare_tool_call_args(name, arguments)
        request = self.mcp_server.request_context.request
        client = request.client if request is not None else None
        headers["x-forwarded-for"] = client.host if client is not None else ""
        return endpoint, values, headers, function

    def _get_or_create_client(self) -> Client:
        if self._client_instance is None and self.local_url:
            self._client_instance = Client(
                self.local_url,
                download_files=False,
                verbose=False,
                analytics_enabled=False,
                _skip_components=False,
                headers={"x-gradio-user": "mcp", **self.headers},
            )
        return super()._get_or_create_client()


def use_tool_server() -> None:
    """Have Gradio build a `ToolServer` wherever it builds an MCP server."""
    gradio_mcp.GradioMCPServer = ToolServer  # type: ignore[misc]


async def _cancel_when_left(job: Any, request: Request | None) -> None:
    """Wait until the client of a request has left, and cancel its job."""
    while request is not None:
        await asyncio.sleep(POLL_SECONDS)
        if await request.is_disconnected():
            await run_sync(job.cancel)
            return


def _file_data(value: Any) -> Any:
    """Return Gradio's form of a local file, or of each in a list."""
    if isinstance(value, list):
        return [_file_data(item) for item in value]
    if not isinstance(value, str):
        return value
    return {"path": accepted_path(value), "meta": {"_type": "gradio.FileData"}}


def _upload(path: str) -> str:
    """Return the path of an uploaded file.

    Raises:
        gr.Error: It is none.
    """
    try:
        return accepted_path(path)
    except gr.Error:
        raise gr.Error(
            f"Please give the web address of a picture, or a data URL; “{_excerpt(path)}” is neither.",
            print_exception=False,
        ) from None


def _result(path: str) -> str:
    """Return the path of a file that this server has made or received.

    Raises:
        gr.Error: It is none, or has been deleted.
    """
    try:
        path = accepted_path(path)
    except gr.Error:
        path = ""
    if not Path(path).is_file():
        raise gr.Error(
            "There is no result at this address, or no longer: please make it again.", print_exception=False
        )
    return path


def _address(file: dict[str, Any]) -> str:
    return str(file.get("url") or file["path"])


def _without_scheme(url: str) -> str:
    return url.partition("://")[2].rstrip("/")


def _excerpt(text: str) -> str:
    return text if len(text) <= 100 else f"{text[:99]}…"


def _readable(error: Exception) -> str:
    """Return an error's text for an agent; a hint at a setting of the server is of no use to it."""
    text = str(error).removeprefix("Error: ")
    return UNEXPECTED if not text or text == "Error!" or "show_error=True" in text else text
