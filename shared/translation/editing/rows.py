"""Editors, one row each, in page order; all come from the Hub. `docs/hub-models.md` says why these."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.core.diffusion.canvas import SizeLimits
from shared.core.diffusion.models import FLUX2_KLEIN_4B
from shared.core.engines import deferred_row, table
from shared.core.hub_networks.revisions import pinned
from shared.translation.editing.engine import EditOptions, EditorEngine, Setting
from shared.translation.editing.labels import LABEL_COLORS

if TYPE_CHECKING:  # these modules bring torch, and a page lists engines before it needs torch
    from shared.translation.editing.backend import EditBackend

FLUX2_KLEIN = "flux2-klein"
SCRIBBLE = "controlnet-scribble"
SEGMENTATION = "controlnet-segmentation"
INSTRUCT_PIX2PIX = "instruct-pix2pix"

#: Stable Diffusion 1.5 was trained at 512 x 512 pixels, and repeats its objects on much larger images.
SD_LIMITS = SizeLimits(max_pixels=640 * 640, max_side=960, min_side=512)


def _flux2_klein() -> type[EditBackend]:
    """Return the backend of FLUX.2 klein."""
    from shared.translation.editing.flux2 import Flux2KleinBackend

    return Flux2KleinBackend


def _scribble() -> type[EditBackend]:
    """Return the backend of the ControlNet for drawings."""
    from shared.translation.editing.stable_diffusion import ScribbleBackend

    return ScribbleBackend


def _segmentation() -> type[EditBackend]:
    """Return the backend of the ControlNet for label maps."""
    from shared.translation.editing.stable_diffusion import SegmentationBackend

    return SegmentationBackend


def _instruct_pix2pix() -> type[EditBackend]:
    """Return the backend of InstructPix2Pix."""
    from shared.translation.editing.stable_diffusion import InstructPix2PixBackend

    return InstructPix2PixBackend


#: Editors by name; the first one is the default.
EDITOR_ROWS: Mapping[str, EditorEngine] = table(
    EditorEngine(
        name=FLUX2_KLEIN,
        title="Edit by words (FLUX.2 klein)",
        description="Today's best open editor of its size; 16 GB to download, wants a GPU.",
        load=deferred_row(_flux2_klein, lambda: EDITOR_ROWS[FLUX2_KLEIN]),
        weights=FLUX2_KLEIN_4B.repository,
        from_hub=True,
        revision=FLUX2_KLEIN_4B.revision,
        licence=FLUX2_KLEIN_4B.licence,
        parameters=FLUX2_KLEIN_4B.parameters,
        options=EditOptions(
            steps=Setting(1, 12, 4), strength=Setting(0.1, 1.0, 1.0), max_references=3, mask=True
        ),
        download_gb=FLUX2_KLEIN_4B.download_gb,
        published="one model for words, references and masks, in four steps",
        gpu_gb=FLUX2_KLEIN_4B.gpu_gb,
        cpu_gb=FLUX2_KLEIN_4B.cpu_gb,
    ),
    EditorEngine(
        name=SCRIBBLE,
        title="Drawing to photo (ControlNet)",
        description="Makes a photo of your line drawing and your words; 4 GB to download.",
        load=deferred_row(_scribble, lambda: EDITOR_ROWS[SCRIBBLE]),
        weights="lllyasviel/sd-controlnet-scribble",
        from_hub=True,
        revision=pinned("lllyasviel/sd-controlnet-scribble"),
        licence="creativeml-openrail-m",
        parameters=1_731_496_015,
        options=EditOptions(
            steps=Setting(4, 50, 20),
            guidance=Setting(1.0, 15.0, 7.5),
            strength=Setting(0.0, 1.0, 0.5),
            negative_prompt=True,
            input_kind="drawing",
        ),
        limits=SD_LIMITS,
        download_gb=4.2,
        published="photos that follow a drawing",
        gpu_gb=6,
        cpu_gb=9,
    ),
    EditorEngine(
        name=SEGMENTATION,
        title="Color areas to photo (ControlNet)",
        description="Makes a photo of areas painted in the colors of things; 4 GB to download.",
        load=deferred_row(_segmentation, lambda: EDITOR_ROWS[SEGMENTATION]),
        weights="lllyasviel/sd-controlnet-seg",
        from_hub=True,
        revision=pinned("lllyasviel/sd-controlnet-seg"),
        licence="creativeml-openrail-m",
        parameters=1_731_496_015,
        options=EditOptions(
            steps=Setting(4, 50, 20),
            guidance=Setting(1.0, 15.0, 7.5),
            strength=Setting(0.0, 1.0, 0.5),
            negative_prompt=True,
            input_kind="color areas",
            colors=LABEL_COLORS,
        ),
        limits=SD_LIMITS,
        download_gb=4.2,
        published="photos that follow areas of color",
        gpu_gb=6,
        cpu_gb=9,
    ),
    EditorEngine(
        name=INSTRUCT_PIX2PIX,
        title="Small editor (InstructPix2Pix)",
        description="The classic of 2022: short commands, rougher results; 5.5 GB to download.",
        load=deferred_row(_instruct_pix2pix, lambda: EDITOR_ROWS[INSTRUCT_PIX2PIX]),
        weights="timbrooks/instruct-pix2pix",
        from_hub=True,
        revision=pinned("timbrooks/instruct-pix2pix"),
        licence="mit",
        parameters=1_370_228_415,
        options=EditOptions(
            steps=Setting(4, 100, 20),
            guidance=Setting(1.0, 15.0, 7.5),
            strength=Setting(0.0, 0.9, 0.5),
            negative_prompt=True,
            mask=True,
        ),
        limits=SD_LIMITS,
        download_gb=5.5,
        published="edits by short commands; small",
        gpu_gb=6,
        cpu_gb=8,
    ),
)
