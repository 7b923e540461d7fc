/* Lets a visitor draw a box on the image of an image input, and writes it in the image's own pixels into the
   hidden text field. The image is laid out with `object-fit: contain`, so there may be margins around it. */
() => {
    const host = document.querySelector(".is-boxed");
    const write = text => {
        const field = document.querySelector(".is-box textarea, .is-box input");
        if (!field || field.value === text) return;
        field.value = text;
        field.dispatchEvent(new Event("input", {bubbles: true}));
    };
    host.querySelector(".is-frame")?.remove(); // of the previous image
    write("");
    if (host.dataset.ready) return;
    host.dataset.ready = true;
    const frame = document.createElement("div");
    frame.className = "is-frame";
    let start = null, image = null;
    const layout = () => {
        const box = image.getBoundingClientRect();
        const scale = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight);
        const [width, height] = [image.naturalWidth * scale, image.naturalHeight * scale];
        const [x, y] = [box.x + (box.width - width) / 2, box.y + (box.height - height) / 2];
        return {x, y, width, height, scale};
    };
    const corners = event => {
        const {x, y, width, height} = layout();
        const right = Math.min(Math.max(event.clientX - x, 0), width);
        const down = Math.min(Math.max(event.clientY - y, 0), height);
        start ??= [right, down];
        const [xs, ys] = [[start[0], right], [start[1], down]];
        return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
    };
    const finish = text => {
        start = null;
        if (!text) frame.remove();
        write(text);
    };
    host.addEventListener("dragstart", event => event.preventDefault());
    host.addEventListener("pointerdown", event => {
        image = event.target.closest("img");
        if (!event.isPrimary || event.button || !image?.naturalWidth) return;
        event.preventDefault();
        host.setPointerCapture(event.pointerId);
        image.parentElement.style.position = "relative";
        corners(event);
    });
    host.addEventListener("pointermove", event => {
        if (!start) return;
        const [x0, y0, x1, y1] = corners(event), place = layout();
        if (!frame.isConnected) image.parentElement.append(frame);
        const base = frame.parentElement.getBoundingClientRect();
        frame.style.left = `${100 * (place.x - base.x + x0) / base.width}%`;
        frame.style.top = `${100 * (place.y - base.y + y0) / base.height}%`;
        frame.style.width = `${100 * (x1 - x0) / base.width}%`;
        frame.style.height = `${100 * (y1 - y0) / base.height}%`;
    });
    host.addEventListener("pointerup", event => {
        if (!start) return;
        const [x0, y0, x1, y1] = corners(event), {scale} = layout();
        const large = x1 - x0 > 12 && y1 - y0 > 12; // otherwise a press: the whole image again
        finish(large ? [x0, y0, x1, y1].map(value => Math.round(value / scale)).join(", ") : "");
    });
    host.addEventListener("pointercancel", () => finish(""));
}
