"""The look that all spaces share: one theme and a little CSS, right in light and dark, without a network.

Gradio ships its fonts inside the wheel, but several files for weight 600 hold only a part of the Latin
letters, so that bold text falls back to another font. IBM Plex Sans and Mono are complete in 400 and 700:
only these are asked for here, and the browser draws semi-bold text with 700.
"""

import gradio as gr
from gradio.themes import LocalFont, colors, sizes

CSS = """
.gradio-container { width: 100%; max-width: 1240px !important; margin: 0 auto; }

.html-container { padding: 0 !important; }

.is-header h1 { font-size: 1.9rem; line-height: 1.2; margin: 0.4rem 0 0.3rem; }
.is-header p { font-size: 1.05rem; color: var(--body-text-color-subdued); margin: 0; max-width: 46rem; }

.is-cards { display: grid; gap: 1.1rem; margin: 0.6rem 0; }
.is-cards { grid-template-columns: repeat(auto-fill, minmax(280px, 1fr)); }
.is-cards a { display: block; padding: 0; overflow: hidden; text-align: left; text-decoration: none; }
.is-cards a { border: 1px solid var(--border-color-primary); border-radius: var(--radius-lg); }
.is-cards a { color: var(--body-text-color); background: var(--block-background-fill); }
.is-cards a:hover, .is-cards a:focus-visible { border-color: var(--color-accent); }
.is-cards img { display: block; width: 100%; max-width: none; margin: 0; aspect-ratio: 3 / 2; }
.is-cards img { object-fit: cover; background: var(--background-fill-secondary); }
.is-cards h3 { margin: 0.8rem 1rem 0.2rem; font-size: 1.1rem; color: inherit; }
.is-cards p { padding: 0 1rem 1rem; color: var(--body-text-color-subdued); }

.is-note p { margin: 0; font-size: 0.92rem; color: var(--body-text-color-subdued); }

.is-figure { overflow-x: auto; }
.is-figure svg { display: block; margin: 0 auto; width: 100%; height: auto; }
.is-figure svg { min-width: 620px; max-width: 900px; }
.is-figure svg { font-family: var(--font); color: var(--body-text-color); }
.is-figure .panel { fill: var(--background-fill-secondary); stroke: var(--border-color-primary); }
.is-figure .accent { stroke: var(--color-accent); }
.is-figure .tint { fill: var(--color-accent); }
.is-figure .soft { fill: var(--body-text-color-subdued); }

.is-measured table { width: auto; }
.is-measured :is(td, th) { white-space: nowrap; padding: 0.25rem 0.8rem; }
@media (max-width: 640px) {
  .is-measured :is(td, th) { padding: 0.25rem 0.4rem; }
  .is-measured :is(td, th):first-child { white-space: normal; min-width: 7.5rem; }
}

.is-report { margin: 0; padding: 0; list-style: none; }
.is-report li { padding: 0.4rem 0; border-bottom: 1px solid var(--border-color-primary); }

.is-strip .grid-wrap { min-height: 0 !important; }
.is-strip .grid-container { grid-template-columns: repeat(var(--grid-cols), minmax(0, 1fr)); }
.is-strip .caption-label { max-width: 100%; padding: 0 0.3rem; font-size: 0.75rem; }
.is-strip .gallery-container:has(.preview) { height: 420px; }
.is-strip:has(.empty) { display: none; }

.is-bars { margin: 0; }
.is-bars figcaption { margin-bottom: 0.5rem; font-size: 0.92rem; color: var(--body-text-color-subdued); }
.is-bars dl { display: grid; grid-template-columns: max-content 1fr max-content; gap: 0.35rem 0.8rem; }
.is-bars dl { margin: 0; align-items: center; font-size: 0.92rem; color: var(--body-text-color); }
.is-bars :is(div, dd) { display: contents; }
.is-bars span { position: relative; height: 0.9rem; border-radius: 3px; }
.is-bars span { background: var(--background-fill-secondary); }
.is-bars :is(i, u) { position: absolute; top: 0; bottom: 0; }
.is-bars i { border-radius: 3px; background: var(--color-accent); }
.is-bars i.is-minus { background: var(--neutral-400); }
.is-bars i[style*="background"] { outline: 1px solid var(--body-text-color-subdued); }
.is-bars u { border-left: 1px solid var(--body-text-color-subdued); }
.is-bars b { font-weight: normal; font-variant-numeric: tabular-nums; text-align: right; }

.is-scatter { margin: 0; }
.is-scatter figcaption { margin-bottom: 0.3rem; font-size: 0.92rem; color: var(--body-text-color-subdued); }
.is-scatter svg { display: block; width: 100%; height: auto; max-width: 480px; font-family: var(--font); }
.is-scatter text { font-size: 12px; fill: var(--body-text-color-subdued); }
.is-scatter path { stroke: var(--body-text-color-subdued); fill: none; }
.is-scatter .grid { stroke: var(--border-color-primary); }
.is-scatter circle { fill: var(--neutral-500); }
.is-scatter g text { fill: #fff; font-weight: 700; }
.is-scatter g[transform] text { fill: var(--body-text-color-subdued); font-weight: 400; }
.is-scatter .is-marked circle { fill: var(--primary-600); }
.is-charts { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr)); }
.is-figures { overflow-x: auto; margin-top: 1rem; }
.is-figures table { border: 0; border-collapse: collapse; font-size: 0.92rem; color: var(--body-text-color); }
.is-figures :is(td, th) { padding: 0.3rem 0.6rem; text-align: right; white-space: nowrap; }
.is-figures :is(td, th) { border: 0; border-bottom: 1px solid var(--border-color-primary); }
.is-figures :is(td, th):nth-child(2) { text-align: left; }
.is-figures .is-marked td { font-weight: 700; color: var(--primary-700); }
.dark .is-figures .is-marked td { color: var(--primary-300); }
@media (max-width: 640px) {
  .is-figures table { font-size: 0.82rem; }
  .is-figures :is(td, th) { padding: 0.3rem 0.25rem; }
  .is-figures :is(th, td:nth-child(2)) { white-space: normal; }
}

.is-tiles { display: grid; gap: 0.9rem; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); }
.is-tiles figure { margin: 0; min-width: 0; }
.is-tiles img { display: block; width: 100%; max-width: none; margin: 0; aspect-ratio: 4 / 3; }
.is-tiles img { object-fit: cover; border-radius: var(--radius-md); }
.is-tiles img { background: var(--background-fill-secondary); }
.is-tiles button { padding: 0; border: 0; background: none; cursor: pointer; color: inherit; font: inherit; }
.is-tiles figure > button { display: block; width: 100%; border-radius: var(--radius-md); }
.is-tiles figure > button:is(:hover, :focus-visible) { outline: 3px solid var(--color-accent); }
.is-tiles i { display: block; height: 4px; margin-top: 5px; border-radius: 2px; overflow: hidden; }
.is-tiles i { background: var(--background-fill-secondary); }
.is-tiles u { display: block; height: 100%; background: var(--color-accent); }
.is-tiles figcaption { display: flex; gap: 0.5rem; align-items: baseline; margin-top: 0.3rem; }
.is-tiles figcaption { font-size: 0.85rem; color: var(--body-text-color-subdued); }
.is-tiles figcaption div { flex: 1; min-width: 0; }
.is-tiles :is(span, small) { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.is-tiles b { color: var(--body-text-color); font-variant-numeric: tabular-nums; }
.is-tiles figcaption button { color: var(--link-text-color); }
.is-tiles figcaption button:is(:hover, :focus-visible) { text-decoration: underline; }
.is-tiles.is-faint img { opacity: 0.55; }
.is-tiles.is-faint u { background: var(--neutral-400); }
.is-tiles-head { margin: 1.4rem 0 0.6rem; font-size: 0.92rem; color: var(--body-text-color-subdued); }
.is-tiles-empty { display: grid; place-items: center; min-height: 240px; padding: 1rem; text-align: center; }
.is-tiles-empty { border: 1px dashed var(--border-color-primary); border-radius: var(--radius-lg); }
.is-tiles-empty { color: var(--body-text-color-subdued); }

.is-columns { display: grid; gap: 1.4rem; }
.is-columns { grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); }
.is-columns h4 { margin: 0 0 0.6rem; font-size: 1rem; color: var(--body-text-color); }
.is-columns .is-tiles { grid-template-columns: repeat(auto-fill, minmax(120px, 1fr)); }

.is-words { display: flex; flex-wrap: wrap; gap: 0.4rem; align-items: baseline; margin: 0.3rem 0; }
.is-words { font-size: 1rem; color: var(--body-text-color-subdued); }
.is-words button { padding: 0.2rem 0.6rem 0.3rem; cursor: pointer; font: inherit; }
.is-words button { color: var(--body-text-color); background: var(--background-fill-secondary); }
.is-words button { border: 1px solid var(--border-color-primary); border-radius: var(--radius-md); }
.is-words button:is(:hover, :focus-visible) { border-color: var(--color-accent); }
.is-words button[aria-pressed="true"] { border-color: var(--color-accent); }
.is-words button[aria-pressed="true"] { box-shadow: 0 0 0 1px var(--color-accent); }
.is-words i { display: block; height: 4px; min-width: 2.4rem; margin-top: 3px; border-radius: 2px; }
.is-words i { background: var(--border-color-primary); overflow: hidden; }
.is-words u { display: block; height: 100%; background: var(--color-accent); }
.is-words u.is-minus { background: var(--neutral-400); }

.is-asking { align-items: end; }
.is-sentences dl { grid-template-columns: minmax(10rem, 2fr) minmax(4rem, 1fr) max-content; }

.is-boxed img { touch-action: none; user-select: none; cursor: crosshair; }
.is-frame { position: absolute; pointer-events: none; border: 2px solid #fff; border-radius: 2px; }
.is-frame { box-shadow: 0 0 0 2px var(--primary-600), 0 0 0 100vmax #0007; }
.is-boxed div:has(> .is-frame) { overflow: hidden; }
.is-added summary { cursor: pointer; }

.is-care p { border-left: 4px solid #d97706; padding-left: 0.8rem; }

.is-regions .image-container { cursor: pointer; }
.is-regions:not(.fullscreen) .base-image { max-height: 520px; object-fit: contain; }
.is-cutout img { background: repeating-conic-gradient(#8883 0 25%, transparent 0 50%) 0 0 / 16px 16px; }
.is-cutout img { object-fit: contain; }

.is-examples .gallery:not(.container) { display: grid; gap: 0.5rem; }
.is-examples .gallery:not(.container) { grid-template-columns: repeat(5, minmax(0, 1fr)); }
.is-examples .gallery-item .container { width: 100%; height: auto; max-width: none; max-height: none; }
.is-examples img { width: 100%; height: auto; max-width: none; aspect-ratio: 1; object-fit: cover; }

.gradio-container input[role="combobox"] { padding-right: 2rem; text-overflow: ellipsis; }
.dark input[type="range"] { --neutral-200: var(--neutral-600); }
footer .divider { display: none; }
footer { gap: 1.2rem; }
/* the home page has no function of its own */
body:has(.is-cards) footer .show-api { display: none; }
"""


def theme() -> gr.themes.Base:
    """The theme of the suite. Every color has a partner for the dark side."""
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
