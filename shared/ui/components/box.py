"""A part of a photo, drawn with mouse, finger or pen on the photo itself."""

import re

import gradio as gr

from shared.core.images import ImageError

HINT = "To search with a part of the photo, draw a box on it."
Box = tuple[int, int, int, int]

# Draws on the picture that a `photo()` shows, and writes the box in the picture's own pixels into the text
# field. The picture is laid out with `object-fit: contain`, so there may be room beside it.
_DRAW = """() => {
    const host = document.querySelector('.is-boxed');
    const write = text => {
        const field = document.querySelector('.is-box textarea, .is-box input');
        if (!field || field.value === text) return;
        field.value = text;
        field.dispatchEvent(new Event('input', {bubbles: true}));
    };
    host.querySelector('.is-frame')?.remove();  // of the picture before
    write('');
    if (host.dataset.ready) return;
    host.dataset.ready = true;
    const frame = document.createElement('div');
    frame.className = 'is-frame';
    let from = null, photo = null;
    const laid = () => {
        const box = photo.getBoundingClientRect();
        const scale = Math.min(box.width / photo.naturalWidth, box.height / photo.naturalHeight);
        const [width, height] = [photo.naturalWidth * scale, photo.naturalHeight * scale];
        const [x, y] = [box.x + (box.width - width) / 2, box.y + (box.height - height) / 2];
        return {x, y, width, height, scale};
    };
    const drawn = event => {
        const {x, y, width, height} = laid();
        const across = Math.min(Math.max(event.clientX - x, 0), width);
        const down = Math.min(Math.max(event.clientY - y, 0), height);
        from ??= [across, down];
        const [xs, ys] = [[from[0], across], [from[1], down]];
        return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    };
    const end = text => { from = null; if (!text) frame.remove(); write(text); };
    host.addEventListener('dragstart', event => event.preventDefault());
    host.addEventListener('pointerdown', event => {
        photo = event.target.closest('img');
        if (!event.isPrimary || event.button || !photo?.naturalWidth) return;
        event.preventDefault();
        host.setPointerCapture(event.pointerId);
        photo.parentElement.style.position = 'relative';
        drawn(event);
    });
    host.addEventListener('pointermove', event => {
        if (!from) return;
        const [x0, y0, x1, y1] = drawn(event), picture = laid();
        if (!frame.isConnected) photo.parentElement.append(frame);
        const base = frame.parentElement.getBoundingClientRect();
        frame.style.left = `${100 * (picture.x - base.x + x0) / base.width}%`;
        frame.style.top = `${100 * (picture.y - base.y + y0) / base.height}%`;
        frame.style.width = `${100 * (x1 - x0) / base.width}%`;
        frame.style.height = `${100 * (y1 - y0) / base.height}%`;
    });
    host.addEventListener('pointerup', event => {
        if (!from) return;
        const [x0, y0, x1, y1] = drawn(event), {scale} = laid();
        const large = x1 - x0 > 12 && y1 - y0 > 12;  // else it is a press: the whole picture again
        end(large ? [x0, y0, x1, y1].map(value => Math.round(value / scale)).join(', ') : '');
    });
    host.addEventListener('pointercancel', () => end(''));
}"""


def box_input(photo: gr.Image) -> gr.Textbox:
    """Lets visitors draw a box on a photo; a press without a box means the whole photo again.

    Args:
        photo: From `photo()`, made with `elem_classes="is-boxed"`.

    Returns:
        The hidden field that holds the box; see `parse_box`. Its event is `change`.
    """
    gr.Markdown(HINT, elem_classes="is-note")
    photo.change(None, js=_DRAW)
    return gr.Textbox("", label="Box", visible="hidden", elem_classes="is-box")


def parse_box(text: str, size: tuple[int, int]) -> Box | None:
    """The box that a text means.

    Args:
        text: Left, top, right and bottom in pixels; empty for the whole picture.
        size: Width and height of the picture.

    Returns:
        Left, top, right and bottom inside the picture, at least 1 pixel wide and high; None for all of it.

    Raises:
        ImageError: The text is no box, or the box lies outside the picture.

    >>> parse_box("10, 20, 300, 40", (200, 100)), parse_box(" ", (200, 100))
    ((10, 20, 200, 40), None)
    """
    if not text.strip():
        return None
    parts = [part.strip() for part in text.strip(" []()").split(",")]
    if len(parts) != 4 or not all(re.fullmatch(r"-?\d{1,6}(\.\d*)?", part) for part in parts):
        raise ImageError('A box is "left, top, right, bottom" in pixels, such as "40, 20, 300, 200".')
    left, top, right, bottom = (round(float(part)) for part in parts)
    left, top, right, bottom = max(left, 0), max(top, 0), min(right, size[0]), min(bottom, size[1])
    if left >= right or top >= bottom:
        raise ImageError(f"The box holds nothing of the picture of {size[0]} × {size[1]} pixels.")
    return left, top, right, bottom
