"""The home page of the suite: a card for each space, and how to call it from code."""

import html
from collections.abc import Mapping
from typing import Any, Literal

import gradio as gr

from shared.ui import assets
from shared.ui.page import header

DESCRIPTION = "Small tools that understand and remake pictures, on a page and in your own code."
PRIVACY = """
Everything runs on this server. Your pictures are sent nowhere else, and are deleted after about an hour.
"""
CODE = """
## Use it from your own code
You can call every tool from a program of your own, through an API, or let an AI agent use it (MCP). The link
“Use via API or MCP” at the bottom of each page lists what that page offers. This is how to call one of them:
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


def home(suite: gr.Blocks, spaces: Mapping[str, Mapping[str, Any]], url: str) -> None:
    """Build the home page into open blocks.

    Args:
        suite: The open blocks.
        spaces: Front matter of each space by its name, which is also its path and its card's file name.
        url: Address of the suite in the examples, until the browser replaces it with the visitor's.
    """
    header("Image Spaces", DESCRIPTION)
    cards = "".join(_card(name, front_matter) for name, front_matter in spaces.items())
    gr.HTML(f'<div class="is-cards">{cards}</div>', padding=False)
    gr.Markdown(PRIVACY, elem_classes="is-note")
    gr.Markdown(CODE)
    examples = [
        _example("Python", "python", PYTHON.format(url=url)),
        _example("curl", "shell", CURL.format(url=url)),
        _example("MCP", "json", MCP.format(url=url)),
    ]
    suite.load(None, examples, examples, js=assets.script("visitor_address", address=url))


def _example(title: str, language: Literal["python", "shell", "json"], text: str) -> gr.Code:
    with gr.Tab(title):
        return gr.Code(
            text,
            language=language,
            show_label=False,
            interactive=False,
            lines=1,
            wrap_lines=True,
            show_line_numbers=False,  # they stand beside the wrong lines where a line is wrapped
        )


def _card(name: str, front_matter: Mapping[str, Any]) -> str:
    title = html.escape(front_matter["title"])
    description = html.escape(front_matter["short_description"])
    image = f'<img src="cards/{name}.jpg" alt="" onerror="this.remove()">'
    return f'<a href="{name}">{image}<h3>{title}</h3><p>{description}</p></a>'
