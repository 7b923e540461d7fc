"""Endpoints for programs and agents: plain images in and out."""

from __future__ import annotations

from typing import Any

import gradio as gr
from PIL import Image

from shared.core.errors import InputError
from shared.core.images import open_image
from shared.restyle.engines import PARSERS
from shared.restyle.garment.designs import DESIGNS
from shared.restyle.tabs.changes import COLOR, PATTERN, PRINTS, ChangeValues, change_clothes
from shared.restyle.tabs.cutout_tab import BACKGROUNDS, BackgroundValues, put_on_background
from shared.restyle.tabs.dressing import Swap, dress, methods, usual_garments
from shared.restyle.tabs.garment_arguments import check_color, find_mask, parse_garments
from shared.restyle.tabs.photos import NO_SUBJECT, Photos
from shared.restyle.tabs.runners import Runners
from shared.ui.components.image_inputs import image_input
from shared.ui.errors import user_facing
from shared.ui.events import endpoint

NOBODY = "We see nobody in this picture, so the places of the joints mean nothing."


class ApiInputs:
    """Hidden inputs of the endpoints: those of the page hold titles, and belong to a tab.

    Attributes:
        image: Image.
        background: Kind, color, blur, match of the light, and image of a background.
        garments: Names of garments.
        parser: Name of the engine that finds garments.
        color: Color, treatment of prints, and strength.
        pattern: Name, size, angle, strength, and an image in place of the name.
        mask: Image that is white where another one may change.
        outfit: Image of the outfit, way of the swap, and strength.
    """

    def __init__(self) -> None:
        with gr.Row(visible=False):
            self.image = image_input("Image")
            self.background = [
                gr.Dropdown(list(BACKGROUNDS), label="Background"),
                gr.Textbox("white", label="Background color"),
                gr.Slider(0.2, 6, 1.5, label="Background blur"),
                gr.Slider(0, 1, 0, label="Light"),
                image_input("Background image"),
            ]
            self.garments = gr.Textbox("", label="Garments")
            self.parser = gr.Dropdown(list(PARSERS), label="Parser")
            self.color = [
                gr.Textbox("navy", label="New color"),
                gr.Dropdown(list(PRINTS), label="Prints of the garment"),
                gr.Slider(0, 1, 1, label="Strength of the color"),
            ]
            self.pattern = [
                gr.Dropdown(list(DESIGNS), label="Pattern name"),
                gr.Slider(0.25, 4, 1, label="Pattern size"),
                gr.Slider(-90, 90, 0, label="Pattern angle"),
                gr.Slider(0, 1, 1, label="Strength of the pattern"),
                image_input("Pattern image"),
            ]
            self.mask = image_input("Mask")
            self.outfit = [
                image_input("Outfit"),
                gr.Dropdown(list(methods()), label="Way"),
                gr.Slider(0, 1, 1, label="Strength of the swap"),
            ]


def cutout_endpoint(space: str, photos: Photos, inputs: ApiInputs) -> None:
    """Offer cut-outs and new backgrounds.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        photos: Photos with their main subjects.
        inputs: Hidden inputs.
    """

    @user_facing(space)
    def remove_background(
        image: str,
        background: str,
        color: str,
        blur: float,
        light: float,
        background_image: str | None = None,
    ) -> Image.Image:
        """Cut the main subject out of a photo: a person, an animal or a thing; or give it another background.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            background: "transparent", "color", "blur" (the photo's own, out of focus) or "scene" (another
                photo).
            color: Color of the background, such as "white" or "#1b2a49".
            blur: Radius of the blur in percent of the longer side.
            light: Match of the subject's light with that photo, from 0 to 1.
            background_image: Photo for "scene".

        Returns:
            A PNG image of the same size, with an alpha channel if the background is transparent.
        """
        matte = photos.subject(image).matte
        if matte.alpha.getextrema()[1] == 0:
            raise InputError(NO_SUBJECT)
        values = BackgroundValues(background, check_color(color), blur, background_image, light)
        return put_on_background(matte, values)

    endpoint(remove_background, [inputs.image, *inputs.background], {"Cut-out": gr.Image})


def clothes_endpoints(space: str, photos: Photos, inputs: ApiInputs) -> None:
    """Offer new colors and patterns.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        photos: Photos with what people wear.
        inputs: Hidden inputs.
    """

    @user_facing(space)
    def recolor_garment(
        image: str, garments: str, color: str, prints: str, strength: float, mask: str | None = None
    ) -> Image.Image:
        """Give clothes in a photo another color; folds and shading stay.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            garments: What to change, separated by commas: top, outerwear, dress, bottom, legwear, shoes, bag,
                accessory, hair; empty for the largest garment.
            color: New color, such as "navy" or "#1b2a49".
            prints: "keep" leaves prints as they are, "shift" turns their colors too, "tint" blends them in.
            strength: 0 unchanged to 1.
            mask: Picture that is white where to change, in place of garments.

        Returns:
            A PNG image of the same size.
        """
        photo = photos.outfit(image)
        values = ChangeValues(COLOR, check_color(color), prints, strength=strength)
        return change_clothes(photo.image, find_mask(photo, garments, mask), values, photos).image

    @user_facing(space)
    def apply_pattern(
        image: str,
        garments: str,
        pattern: str,
        size: float,
        angle: float,
        strength: float,
        pattern_image: str | None = None,
        mask: str | None = None,
    ) -> Image.Image:
        """Lay a pattern on clothes in a photo, bent by their folds.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            garments: What to change, separated by commas: top, outerwear, dress, bottom, legwear, shoes, bag,
                accessory, hair; empty for the largest garment.
            pattern: Name of a built-in pattern.
            size: Size of the pattern, 1 as usual.
            angle: Counter-clockwise rotation in degrees.
            strength: 0 unchanged to 1.
            pattern_image: Picture of a pattern in place of a built-in one.
            mask: Picture that is white where to change, in place of garments.

        Returns:
            A PNG image of the same size.
        """
        photo = photos.outfit(image)
        values = ChangeValues(
            PATTERN, design=pattern, tile=pattern_image, size=size, angle=angle, strength=strength
        )
        return change_clothes(photo.image, find_mask(photo, garments, mask), values, photos).image

    *pattern, tile = inputs.pattern
    recolor_inputs = [inputs.image, inputs.garments, *inputs.color, inputs.mask]
    endpoint(recolor_garment, recolor_inputs, {"Photo": gr.Image})
    endpoint(apply_pattern, [inputs.image, inputs.garments, *pattern, tile, inputs.mask], {"Photo": gr.Image})


def people_endpoints(space: str, photos: Photos, run: Runners, inputs: ApiInputs) -> None:
    """Offer swaps of outfits, clothes parsing and poses.

    Args:
        space: Name of the space, under which calls are counted in /metrics.
        photos: Photos with what people wear.
        run: Functions that run the engines.
        inputs: Hidden inputs.
    """

    @user_facing(space)
    def swap_outfit(
        image: str, outfit: str, garments: str, method: str, strength: float
    ) -> tuple[Image.Image, dict[str, Any]]:
        """Dress the person of one photo in the clothes of another person; use photos of people who agreed.

        Args:
            image: Photo of the person who gets the clothes.
            outfit: Photo of the person who wears them.
            garments: What to change, separated by commas: top, outerwear, dress, bottom, legwear, shoes;
                empty for all clothes without shoes.
            method: "swapgan" bends the clothes into the pose, "fabric" takes the fabric only, "colors" the
                colors only.
            strength: 0 unchanged to 1.

        Returns:
            A PNG image of the size of the first photo; and notes about what limits it.
        """
        person, source = photos.outfit(image), photos.outfit(outfit)
        names = parse_garments(garments) or [name.partition(":")[2] for name in usual_garments(person)]
        result = dress(run, Swap(person, 1, source, 1, names), method, strength)
        return result.image, {"notes": list(result.notes), "seconds": round(result.seconds, 3)}

    @user_facing(space)
    def parse_outfit(image: str, engine: str) -> tuple[Image.Image, dict[str, Any]]:
        """Find what the people in a photo wear.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.
            engine: "outfit", or "segformer", a larger network that is downloaded first.

        Returns:
            The photo with each garment in a color of its own, a PNG image of at most 1,024 pixels a side; and
            names, shares and people.
        """
        outfit = run.outfit(open_image(image), engine)
        return outfit.overlay(), outfit.as_dict()

    @user_facing(space)
    def find_pose(image: str) -> tuple[Image.Image, dict[str, Any]]:
        """Find the joints of the largest person in a photo.

        Args:
            image: The photo: JPEG, PNG, WebP, HEIC, AVIF, GIF, BMP or TIFF.

        Returns:
            The photo with the joints drawn into it, a PNG image of at most 1,024 pixels a side; and their
            places in pixels of the photo, with scores, and a note if nobody is seen.
        """
        photo = photos.outfit(image)
        people = photo.outfits[0].people() if photo.outfits else []
        pose = run.pose(photo.image, people[0].box if people else None)
        is_seen = people and pose.has_person  # statues and towers have the joints of people, too
        return pose.overlay(), {**pose.as_dict(), "notes": [] if is_seen else [NOBODY]}

    result = {"Photo": gr.Image, "Details": gr.JSON}
    outfit, *settings = inputs.outfit
    endpoint(swap_outfit, [inputs.image, outfit, inputs.garments, *settings], result)
    endpoint(parse_outfit, [inputs.image, inputs.parser], result)
    endpoint(find_pose, [inputs.image], result)
