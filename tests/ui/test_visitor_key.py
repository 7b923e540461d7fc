"""Keys of visitors: cookies of browsers, sessions of programs, none for agents."""

import re
from types import SimpleNamespace

import pytest
from gradio.context import LocalContext
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from shared.ui.gallery.visitor_key import VisitorCookie, session_key

KEY = "0123456789abcdef" * 2


@pytest.fixture
def browser():
    """A browser, and a server with a page and with an answer for programs."""
    routes = [
        Route("/", lambda request: HTMLResponse("<p>page</p>")),
        Route("/api", lambda request: JSONResponse({})),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(VisitorCookie)])
    return TestClient(app)


@pytest.fixture
def call_with():
    """Function that sets the headers of the present call."""
    yield lambda **headers: LocalContext.request.set(SimpleNamespace(headers=headers))
    LocalContext.request.set(None)


def test_a_browser_gets_a_cookie_with_its_first_page_alone(browser):
    assert "set-cookie" not in browser.get("/api").headers
    header = browser.get("/").headers["set-cookie"]
    assert re.fullmatch("image-spaces=[0-9a-f]{32}; Path=/; HttpOnly; SameSite=Lax", header)
    assert "set-cookie" not in browser.get("/").headers
    browser.cookies.clear()
    assert browser.get("/").headers["set-cookie"] != header


def test_a_cookie_behind_a_secure_proxy_works_in_a_frame(browser):
    header = browser.get("/", headers={"x-forwarded-proto": "https"}).headers["set-cookie"]
    assert header.endswith("Secure; SameSite=None; Partitioned")


def test_a_forged_cookie_is_replaced(browser):
    assert "set-cookie" in browser.get("/", headers={"cookie": "image-spaces=../../etc"}).headers


def test_the_key_of_a_browser_precedes_that_of_the_session(call_with):
    assert session_key("anna") == "anna"
    call_with(cookie=f"theme=dark; image-spaces={KEY}")
    assert session_key("anna") == KEY
    call_with(cookie="image-spaces=short")
    assert session_key("anna") == "anna"
    call_with(cookie=f"image-spaces={KEY}", **{"x-gradio-user": "mcp"})
    assert session_key("anna") == ""
