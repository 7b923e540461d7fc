"""The theme of all pages, for light and dark, without a network.

Gradio (6.31) ships its fonts, but several files of weight 600 lack most Latin letters, so that semi-bold text
falls back to another font. IBM Plex Sans and Mono are complete in 400 and 700; only these are loaded, and the
browser draws semi-bold text with 700.
"""

import gradio as gr
from gradio.themes import LocalFont, colors, sizes


def theme() -> gr.themes.Base:
    """Return the theme of the suite, with a dark partner for every color."""
    return gr.themes.Default(
        primary_hue=colors.teal,
        secondary_hue=colors.teal,
        neutral_hue=colors.slate,
        radius_size=sizes.radius_md,
        font=[LocalFont("IBM Plex Sans", weights=(400, 700)), "ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=[LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "Consolas", "monospace"],
    ).set(
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_600",
        color_accent="*primary_600",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        link_text_color="*primary_700",
        link_text_color_dark="*primary_300",
        slider_color="*primary_600",
        slider_color_dark="*primary_500",
    )
