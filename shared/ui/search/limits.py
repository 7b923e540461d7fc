"""Sliders that limit the hits of a search."""

import gradio as gr


def hit_limits() -> tuple[gr.Slider, gr.Slider]:
    """Create the sliders for the largest number of hits and for their lowest score."""
    return (
        gr.Slider(1, 100, 24, step=1, label="Matches", info="How many to show at most"),
        gr.Slider(0, 1, 0, step=0.01, label="Lowest score", info="Leaves out whatever scores lower"),
    )
