"""Heads of pages: title, description and preview image; a page for unknown addresses."""

import re

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import HTMLResponse, JSONResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from shared.ui.middleware.page_heads import PageHead, PageHeads

PAGE = """<!doctype html><html><head><meta charset="utf-8" />
<meta property="og:title" content="Gradio" /><meta name="twitter:creator" content="@Gradio" />
</head><body><script>config = {"title":"Image Spaces","other":{"title":"Image Spaces"}}</script></body>
</html>"""
HEADS = {
    "/": PageHead("Image Spaces", "All."),
    "/edges": PageHead("Edges & more - Image Spaces", 'Draws "lines".', "cards/edges.jpg"),
}


@pytest.fixture
def browser():
    def page(request):
        return HTMLResponse(
            PAGE, headers={"set-cookie": "a=b", "x-encoding": request.headers.get("accept-encoding", "")}
        )

    async def parts():
        yield b"one "
        yield b"two"

    routes = [
        Route("/", page),
        Route("/edges", page),
        Route("/stream", lambda request: StreamingResponse(parts())),
        Route("/data", lambda request: JSONResponse({"title": "Image Spaces"})),
    ]
    app = Starlette(routes=routes, middleware=[Middleware(PageHeads, heads=HEADS)])
    return TestClient(app, headers={"accept": "text/html,*/*"})


def test_each_page_has_its_own_head(browser):
    answer = browser.get("/edges")
    assert "<title>Edges &amp; more - Image Spaces</title>" in answer.text
    assert '<meta name="description" content="Draws &quot;lines&quot;." />' in answer.text
    assert 'property="og:image" content="http://testserver/cards/edges.jpg"' in answer.text
    assert "Gradio" not in answer.text
    assert 'config = {"title":"Edges & more - Image Spaces","other":{"title":"Image Spaces"}}' in answer.text
    assert answer.headers["set-cookie"] == "a=b"
    assert answer.headers["content-length"] == str(len(answer.content))
    assert answer.headers["x-encoding"] == ""
    first = browser.get("/").text
    assert "og:image" not in first
    assert len(re.findall("<title>", first)) == 1


def test_other_answers_pass_as_they_are(browser):
    assert browser.get("/stream").text == "one two"
    assert browser.get("/data").json() == {"title": "Image Spaces"}
    assert browser.post("/edges").status_code == 405


def test_an_unknown_address_gets_a_page_in_a_browser_alone(browser):
    answer = browser.get("/egdes")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert '<a href="/">All pages</a>' in answer.text
    assert (
        "text/html"
        not in browser.get("/egdes", headers={"accept": "application/json"}).headers["content-type"]
    )
