"""Workarounds for Gradio, as of version 6.31, and the first import of Gradio in the process.

| function or class | shortcoming of Gradio | upstream issue |
| --- | --- | --- |
| `without_stub_files` | parses every component's source at each import | gradio-app/gradio#7791 |
| `without_page_servers` | builds three unused servers per page of a multipage app | none known |
| `check_caller_paths` | checks the paths that callers send only after `launch()` | none known |
| `called_by_agent` | shares one session between all MCP clients | gradio-app/gradio#11952 |
| `PathImage` | decodes images itself, and trusts paths without `meta` | none known |
| `PathFiles` | tells MCP clients unresolved references; no data URLs in lists | none known |
| `IntegerList` | describes JSON to MCP clients without a type | none known |
| `UploadedDrawing` | trusts the values of HTML components | none known |

Both context managers change a function of the whole process: they belong into the main thread, before the
server listens.
"""

from __future__ import annotations

import base64
import binascii
import inspect
import os
import secrets
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any


@contextmanager
def _replaced(owner: object, name: str, value: Callable[..., Any]) -> Iterator[None]:
    """Replace an attribute while the block runs."""
    original = inspect.getattr_static(owner, name)  # a static method stays one when it is put back
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def without_stub_files() -> Iterator[None]:
    """Keep Gradio from writing a `.pyi` file next to the source of each component class that is defined.

    It parses the source of every component for that, anew in each process: about a second. It skips classes
    without a source file, so none has one here.
    """
    find_file = inspect.getfile

    def getfile(target: Any) -> str:
        if sys._getframe(1).f_code.co_name == "create_or_modify_pyi":
            raise OSError("stub files are switched off")
        return find_file(target)

    with _replaced(inspect, "getfile", getfile):
        yield


getuid = getattr(os, "getuid", int)  # each user of the machine has a folder; Windows gives each one anyway

# Read by Gradio; its default is shared with all other apps on the machine, whose files are not to be swept.
os.environ.setdefault("GRADIO_TEMP_DIR", str(Path(tempfile.gettempdir(), f"image-spaces-{getuid()}")))

with without_stub_files():
    import gradio as gr
    from gradio.context import LocalContext
    from gradio.data_classes import ImageData, ListFiles
    from gradio.routes import App
    from gradio.utils import get_upload_folder
    from pydantic import model_validator

_SERVED: set[Path] = set()  # see `allow_paths`


@contextmanager
def without_page_servers() -> Iterator[None]:
    """Keep Gradio from building web servers for pages that become parts of one suite.

    It builds one when blocks begin, one when they end and one for their queue, and uses none of them. The
    suite's own server is built when the suite is queued and mounted, which must happen outside.
    """
    with _replaced(App, "create_app", staticmethod(lambda *_, **__: None)):
        yield


def check_caller_paths(blocks: gr.Blocks) -> None:
    """Have Gradio check the file paths that callers send to a mounted app, which is never launched.

    Without this, callers could have files read from anywhere on the server.
    """
    blocks.has_launched = True


def called_by_agent() -> bool:
    """Return True inside a call through MCP, where the session's state is shared by all callers."""
    return request_header("x-gradio-user") == "mcp"


def request_header(name: str) -> str:
    """Return a header of the request that the present call answers; empty outside a call, or without it.

    Args:
        name: Name of the header in lower case.
    """
    request = LocalContext.request.get(None)
    return str(request.headers.get(name) or "") if request is not None else ""


def request_address() -> str:
    """Return the network address of the client that the present call answers; empty outside a call."""
    return client_address(LocalContext.request.get(None))


def client_address(request: Any) -> str:
    """Return the network address of the client of a request; empty if it is not known.

    Behind a proxy that uvicorn trusts (see its FORWARDED_ALLOW_IPS) it is the one that the proxy names.
    Clients with an IPv6 address count by their network of 64 bits, which providers give to one customer.
    """
    client = getattr(request, "client", None)
    host = str(getattr(client, "host", "") or "")
    try:
        return host if ip_address(host).version == 4 else str(ip_network((host, 64), strict=False))
    except ValueError:
        return host


def new_cache_path(name: str) -> Path:
    """Return a new path in Gradio's cache, from which `delete_cache` removes the file later.

    The folder's random name keeps other visitors from guessing it; Gradio's own names are hashes of contents.
    """
    folder = Path(get_upload_folder()) / secrets.token_hex(16)
    folder.mkdir(parents=True)
    return folder / Path(name).name


def allow_paths(paths: Iterable[Path]) -> None:
    """Serve files from their place, and accept them as inputs like uploads."""
    paths = list(paths)
    gr.set_static_paths([str(path) for path in paths])
    _SERVED.update(path.resolve() for path in paths)


def accepted_path(path: str | None) -> str:
    """Return the resolved path of an upload or of a file from `allow_paths`; refuse all others."""
    resolved = Path(path or "").resolve()
    if not resolved.is_relative_to(Path(get_upload_folder()).resolve()) and resolved not in _SERVED:
        raise gr.Error("Please upload the picture; other paths are not read.", print_exception=False)
    return str(resolved)


def save_data_url(data_url: str, name: str = "picture") -> str:
    """Write the content of a data URL to Gradio's cache and return its path."""
    try:
        content = base64.b64decode(data_url.partition(",")[2], validate=True)
    except binascii.Error:
        raise gr.Error("The picture's data URL is not valid base64.", print_exception=False) from None
    path = new_cache_path(name)
    path.write_bytes(content)
    return str(path)


class _FilesOrTexts(ListFiles):
    """List of files, each of which may also be a text: a data URL or a web address, as agents send them.

    Gradio makes no files of such texts inside a list.
    """

    @model_validator(mode="before")
    @classmethod
    def _read_texts(cls, files: Any) -> Any:
        if not isinstance(files, list):
            return files
        return [_file_of(file) if isinstance(file, str) else file for file in files]


def _file_of(text: str) -> dict[str, Any]:
    """Return Gradio's form of a file; a data URL that is damaged becomes a file that is no picture."""
    path = text
    if text.startswith("data:"):
        try:
            path = save_data_url(text)
        except gr.Error:
            path = str(new_cache_path("damaged data URL"))
            Path(path).write_text("no picture", encoding="utf-8")
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """Return a JSON schema with definitions in place of the references to them."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items() if key != "$defs"}


with without_stub_files():

    class PathImage(gr.Image):
        """`gr.Image` that passes on the path of the uploaded file without opening it."""

        is_template = True  # the browser draws it as gr.Image

        def preprocess(self, payload: ImageData | None) -> str | None:
            if payload is None:
                return None
            if payload.url and payload.url.startswith("data:"):
                path = save_data_url(payload.url, payload.orig_name or "picture")
                self.temp_files.add(path)  # removed like an upload
                return path
            return accepted_path(payload.path)

    class PathFiles(gr.File):
        """`gr.File` that passes on the paths of all files, whatever is in them."""

        is_template = True

        def api_info(self) -> dict[str, Any]:
            schema = super().api_info()
            schema = _inlined(schema, schema.get("$defs", {}))
            schema.get("items", {}).pop("description", None)  # of the class, for Gradio's own developers
            description = "files, or their web addresses or data URLs"
            return {**schema, "description": description, "additional_description": description}

        def preprocess(self, payload: ListFiles | None) -> list[str]:  # type: ignore[override]
            return [accepted_path(file.path) for file in payload.root] if payload else []

    class IntegerList(gr.JSON):
        """`gr.JSON` that declares a list of integers; the value is not checked."""

        is_template = True

        def api_info(self) -> dict[str, Any]:
            return {"type": "array", "items": {"type": "integer"}, "description": "whole numbers"}

    class UploadedDrawing(gr.HTML):
        """`gr.HTML` whose value is the path of a file that its script has uploaded, or None."""

        is_template = True

        def preprocess(self, payload: str | None) -> str | None:
            return accepted_path(payload) if payload else None


def path_files(**settings: Any) -> PathFiles:
    """Create a `PathFiles` component whose list takes data URLs as well.

    The data model is set here, not in `__init__`: from that signature Gradio tells the browser the settings.
    """
    files = PathFiles(**settings)
    files.data_model = _FilesOrTexts
    return files
