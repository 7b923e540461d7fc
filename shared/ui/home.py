"""The home page of the suite: what it is, a card for each space, and how to call it from code."""

import html
import json
from collections.abc import Mapping
from typing import Any

import gradio as gr

from shared.ui.page import header

PRIVACY = """
Everything runs on this server. Your pictures are sent nowhere else, and are deleted after about an hour.
"""
CODE = """
## From your own code
Every tool is also a function of an API and a tool for agents (MCP). Each page lists its own functions at its
foot, under "Use via API or MCP"; here one of them is called.
"""
PYTHON = """from gradio_client import Client, handle_file

client = Client("{url}")
drawing = client.predict(image=handle_file("photo.jpg"), api_name="/detect_edges")
print(drawing)  # the path of a PNG file
"""
CURL = """URL={url}/gradio_api
FILE=$(curl -s $URL/upload -F files=@photo.jpg | tr -d '[]"')
ID=$(curl -s $URL/call/v2/detect_edges -H "Content-Type: application/json" -d '{{"image":
  {{"path": "'$FILE'", "meta": {{"_type": "gradio.FileData"}}}}}}' | cut -d '"' -f 4)
curl -s $URL/call/v2/detect_edges/$ID  # answers with the PNG's address
"""
MCP = """{{
  "mcpServers": {{
    "image-spaces": {{ "url": "{url}/gradio_api/mcp/" }}
  }}
}}
"""

# Runs in the browser when the page has loaded, and puts its own address in place of the server's into every
# example: visitors come through a proxy, by another name of the host, or to Hugging Face.
SEEN = """(...texts) => {{
    const seen = location.origin + location.pathname.replace(/[/]+$/, "");
    return texts.map(text => text.replaceAll({url}, seen));
}}"""


def home(suite: gr.Blocks, spaces: Mapping[str, Mapping[str, Any]], url: str) -> None:
    """Build the home page into the blocks that are open.

    Args:
        suite: Those blocks.
        spaces: Front matter of each space by its name, which is also its path and its card's file name.
        url: Where the suite is served, for the examples until the browser says how the visitor came.
    """
    header("Image Spaces", "Small tools that understand and remake pictures, on a page and in your own code.")
    cards = "".join(_card(name, front) for name, front in spaces.items())
    gr.HTML(f'<div class="is-cards">{cards}</div>', padding=False)
    gr.Markdown(PRIVACY, elem_classes="is-note")
    gr.Markdown(CODE)
    calls = {"Python": ("python", PYTHON), "curl": ("shell", CURL), "MCP": ("json", MCP)}
    look = {"show_label": False, "interactive": False, "lines": 1, "wrap_lines": True}
    codes = []
    for title, (language, text) in calls.items():
        with gr.Tab(title):
            codes.append(gr.Code(text.format(url=url), language=language, **look))
    suite.load(None, codes, codes, js=SEEN.format(url=json.dumps(url)))


def _card(name: str, front: Mapping[str, Any]) -> str:
    title, words = html.escape(front["title"]), html.escape(front["short_description"])
    picture = f'<img src="cards/{name}.jpg" alt="" onerror="this.remove()">'
    return f'<a href="{name}">{picture}<h3>{title}</h3><p>{words}</p></a>'
