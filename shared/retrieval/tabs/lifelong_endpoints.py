"""Endpoints of lifelong search, for programs and agents."""

from __future__ import annotations

from typing import Any

import gradio as gr

from shared.core.errors import InputError
from shared.core.file_names import safe_stem
from shared.core.images import open_image
from shared.retrieval.tabs.lifelong_models import LearnedModels, read_photos
from shared.retrieval.tabs.lifelong_panel import method_menu
from shared.retrieval.tabs.lifelong_report import found_counts
from shared.retrieval.tabs.lifelong_tab import LESSONS_AT_ONCE
from shared.ui.components.image_inputs import image_files, image_input
from shared.ui.components.results import result_file
from shared.ui.errors import user_facing
from shared.ui.events import endpoint
from shared.ui.gallery.gallery_store import VisitorSession


def lifelong_endpoints(space: str, visitor: VisitorSession, models: LearnedModels) -> None:
    """Offer `learn_class` and `search_learned` through the API and as MCP tools.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        visitor: Session of the page's visitor.
        models: Taught models of all visitors.
    """

    @user_facing(space)
    def learn_class(name: str, photos: list, method: str, session: str, model: str) -> dict[str, Any]:
        """Teach a model that knows 40 fruits and vegetables a new thing; it is deleted after an hour unused.

        Args:
            name: Name of the new thing.
            photos: At least 4 different photos of it, better ten, at most 400; ZIP archives count by content.
            method: The way to hold on to the old things; "finetune" does nothing about it.
            session: Key of the session, which the page fills in.
            model: Key of a taught model, from learn_class; empty for your session's, or for a new one.

        Returns:
            The model's key for later calls, all names that it knows, how many held-out photos of the new and
            the old things it finds, recall during the lesson, and ids of pictures that it forgot.
        """
        if not (name or "").strip():
            raise InputError("Give the new thing a name.")
        images, skipped = read_photos(photos)
        learned = models.get_to_change(session, model)
        report = learned.learn(images, [name] * len(images), method)
        return {
            "model": models.keep(learned, session, model),
            "known": list(learned.classes),
            "found": found_counts(report, learned.gallery),
            **report.as_dict(),
            "skipped": [{"name": file, "reason": reason} for file, reason in skipped],
        }

    @user_facing(space)
    def search_learned(
        image: str, top_k: int, session: str, model: str
    ) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Search with a taught model: its sample photos, and those of its lessons.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            top_k: Largest number of matches, from 1 to 100.
            session: Key of the session, which the page fills in.
            model: Key of the model, from learn_class; empty for your session's or the first one.

        Returns:
            The matches, best first, each with the name of the thing and a score from -1 to 1, and after a
            lesson those of the model before it; and the pictures of the former.
        """
        query_image, learned = open_image(image), models.get(session, model)
        hits = learned.search(query_image, int(top_k))
        gallery = learned.gallery
        answer: dict[str, Any] = {"hits": [hit.as_dict() for hit in hits], "searched": len(gallery.images)}
        if learned.can_compare:
            before = learned.search(query_image, int(top_k), before=True)
            answer["before"] = [hit.as_dict() for hit in before]
        pictures = [
            (
                result_file(gallery.images[hit.id].thumbnail, f"{safe_stem(hit.name)}.jpg"),
                f"{hit.rank}. {hit.label or hit.name}, {hit.score:.3f}",
            )
            for hit in hits
        ]
        return answer, pictures

    with gr.Row(visible=False):
        name = gr.Textbox(label="Name")
        photos = image_files("Photos of it")
        method = method_menu()
        key = gr.Textbox("", label="Model")
        image = image_input("Photo")
        top_k = gr.Slider(1, 100, 12, step=1, label="Number of matches")
    keys = [visitor.session, key]
    endpoint(learn_class, [name, photos, method, *keys], {"Lesson": gr.JSON}, concurrency=LESSONS_AT_ONCE)
    endpoint(search_learned, [image, top_k, *keys], {"Matches": gr.JSON, "Pictures": gr.Gallery})
