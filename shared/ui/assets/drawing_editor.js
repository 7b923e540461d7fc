/* A drawing editor: boxes, strokes and floods in the colors of named brushes; undo, redo; images to start from.
   Each finished action uploads the drawing, and the value becomes the path of the upload; null for an empty
   sheet. Without `smooth`, no pixel ever has another color than those of the brushes.

   An editor of a mask lies over a photo, whose address comes with the event "photo". Its sheet is transparent
   where nothing is painted, and has the shape of the photo; its upload is white on black.

   An editor of an area is one whose photo and area come from the server, in the property "base". Its upload has
   what the visitor changed: white where paint was added, black where it was erased, and grey elsewhere. */
const editor = element.querySelector(".is-editor"), canvas = editor.querySelector("canvas");
const context = canvas.getContext("2d", {willReadFrequently: true});
const smooth = editor.dataset.smooth === "true", mask = editor.dataset.mask; // the color that shows a mask
let {width, height} = canvas;
const all = selector => [...editor.querySelectorAll(selector)];
const parse = css => [1, 3, 5].map(start => parseInt(css.slice(start, start + 2), 16));
const colors = all("[data-color]").map(button => parse(button.dataset.color));
const size = editor.querySelector("input[type=range]"), file = editor.querySelector("input[type=file]");
const fault = editor.querySelector(".is-fault");
const MAX_UNDO = 40;
const MAX_MASK_PIXELS = 300_000; // each step back holds as many
const UNCHANGED = 128; // grey in the upload of an area
let past = [], future = [], start = null, before = null, last = null, version = 0;
let area = null; // pixels of the sheet before any change, in an editor of an area

const snapshot = () => context.getImageData(0, 0, width, height);
const pressed = kind => editor.querySelector(`[data-${kind}][aria-pressed=true]`).dataset[kind];
const erase = () => {
    context.globalCompositeOperation = "source-over";
    if (area) return context.putImageData(area, 0, 0);
    if (mask) return context.clearRect(0, 0, width, height);
    context.fillStyle = editor.dataset.empty;
    context.fillRect(0, 0, width, height);
};
const refresh = () => {
    editor.querySelector("[data-action=undo]").disabled = !past.length;
    editor.querySelector("[data-action=redo]").disabled = !future.length;
};
const isEmpty = () => {
    const pixels = new Uint32Array(snapshot().data.buffer);
    if (area) {
        const original = new Uint32Array(area.data.buffer);
        return pixels.every((pixel, place) => pixel === original[place]);
    }
    const color = mask ? [0, 0, 0, 0] : [...parse(editor.dataset.empty), 255];
    const empty = new Uint32Array(new Uint8Array(color).buffer)[0];
    return pixels.every(pixel => pixel === empty);
};
const changes = () => {
    const image = snapshot(), {data} = image;
    for (let place = 0; place < data.length; place += 4) {
        const [opacity, original] = [data[place + 3], area.data[place + 3]];
        data.fill(opacity === original ? UNCHANGED : opacity > original ? 255 : 0, place, place + 3);
        data[place + 3] = 255;
    }
    return image;
};
const sheet = () => { // the canvas to upload
    if (!mask) return canvas;
    const copy = Object.assign(document.createElement("canvas"), {width, height}), pen = copy.getContext("2d");
    if (area) {
        pen.putImageData(changes(), 0, 0);
        return copy;
    }
    pen.drawImage(canvas, 0, 0);
    for (const [operation, color] of [["source-in", "white"], ["destination-over", "black"]]) {
        pen.globalCompositeOperation = operation;
        pen.fillStyle = color;
        pen.fillRect(0, 0, width, height);
    }
    return copy;
};

const publish = async () => {
    const current = ++version, empty = isEmpty();
    refresh();
    editor.classList.toggle("is-painted", !empty);
    fault.textContent = "";
    try {
        let path = null;
        if (!empty) {
            const blob = await new Promise(done => sheet().toBlob(done, "image/png"));
            ({path} = await upload(new File([blob], "drawing.png", {type: "image/png"})));
        }
        if (current !== version || path === props.value) return; // a newer drawing is on its way
        props.value = path;
        trigger("change");
    } catch {
        fault.textContent = "The drawing could not be sent. It is still here: draw on to send it again.";
    }
};
const commit = image => { // the drawing before an action, which is finished now
    past = [...past, image].slice(-MAX_UNDO);
    future = [];
    publish();
};
const step = (from, to) => {
    if (!from.length) return;
    to.push(snapshot());
    context.putImageData(from.pop(), 0, 0);
    publish();
};

const box = (x, y) => {
    context.putImageData(before, 0, 0);
    const [left, top] = [Math.min(start[0], x), Math.min(start[1], y)];
    context.fillRect(left, top, Math.abs(x - start[0]) + 1, Math.abs(y - start[1]) + 1);
};
const disc = (x, y, radius) => { // row by row in whole pixels, since the canvas would blur the edge of a circle
    [x, y] = [Math.round(x), Math.round(y)];
    for (let row = Math.ceil(-radius); row <= radius; row++) {
        const half = Math.sqrt(radius * radius - row * row);
        const left = Math.round(x - half);
        context.fillRect(left, Math.round(y + row), Math.max(1, Math.round(x + half) - left), 1);
    }
};
const thickness = () => size.value * (mask ? Math.sqrt(width * height) / 100 : 1);
const stroke = (x, y) => {
    if (smooth) {
        context.beginPath();
        context.moveTo(...last);
        context.lineTo(x, y);
        context.stroke();
    } else {
        const wide = thickness(), length = Math.hypot(x - last[0], y - last[1]);
        const steps = Math.max(1, Math.ceil(length / Math.max(1, wide / 8)));
        for (let part = 1; part <= steps; part++) {
            const share = part / steps;
            disc(last[0] + (x - last[0]) * share, last[1] + (y - last[1]) * share, wide / 2);
        }
    }
    last = [x, y];
};
const flood = (x, y, color) => {
    const image = snapshot(), pixels = new Uint32Array(image.data.buffer);
    const target = pixels[y * width + x];
    const fresh = new Uint32Array(new Uint8Array([...color, 255]).buffer)[0];
    if (target === fresh) return false;
    const open = [y * width + x];
    while (open.length) {
        const place = open.pop();
        if (pixels[place] !== target) continue;
        pixels[place] = fresh;
        const column = place % width;
        if (column) open.push(place - 1);
        if (column < width - 1) open.push(place + 1);
        if (place >= width) open.push(place - width);
        if (place < width * (height - 1)) open.push(place + width);
    }
    context.putImageData(image, 0, 0);
    return true;
};

const position = event => {
    const frame = canvas.getBoundingClientRect();
    const place = [(event.clientX - frame.x) / frame.width * width, (event.clientY - frame.y) / frame.height * height];
    return place.map((value, axis) => Math.min(Math.max(Math.floor(value), 0), [width, height][axis] - 1));
};
canvas.addEventListener("pointerdown", event => {
    if (!event.isPrimary || event.button) return;
    event.preventDefault();
    canvas.focus({preventScroll: true});
    canvas.setPointerCapture(event.pointerId);
    const place = position(event);
    before = snapshot();
    context.globalCompositeOperation = pressed("tool") === "erase" ? "destination-out" : "source-over";
    context.fillStyle = context.strokeStyle = mask ?? pressed("color");
    context.lineWidth = thickness();
    context.lineCap = context.lineJoin = "round";
    if (pressed("tool") === "fill") {
        if (flood(...place, parse(pressed("color")))) commit(before);
        return;
    }
    start = last = place;
    (pressed("tool") === "box" ? box : stroke)(...place);
});
canvas.addEventListener("pointermove", event => {
    if (!start) return;
    const tool = pressed("tool") === "box" ? box : stroke;
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const move of moves.length ? moves : [event]) tool(...position(move));
});
canvas.addEventListener("pointerup", () => {
    if (!start) return;
    start = null;
    commit(before);
});
canvas.addEventListener("pointercancel", () => {
    if (!start) return;
    start = null;
    context.putImageData(before, 0, 0);
});
canvas.addEventListener("keydown", event => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
    event.preventDefault();
    event.shiftKey ? step(future, past) : step(past, future);
});

const snap = () => { // every pixel to the nearest color of a brush
    const image = snapshot(), {data} = image;
    for (let place = 0; place < data.length; place += 4) {
        let nearest = colors[0], smallest = Infinity;
        for (const color of colors) {
            const distance = (data[place] - color[0]) ** 2 + (data[place + 1] - color[1]) ** 2
                + (data[place + 2] - color[2]) ** 2;
            if (distance < smallest) [smallest, nearest] = [distance, color];
        }
        [data[place], data[place + 1], data[place + 2]] = nearest;
        data[place + 3] = 255;
    }
    context.putImageData(image, 0, 0);
};
const place = image => { // as large as fits, in the middle of an empty sheet
    const previous = snapshot();
    const [wide, high] = [image.naturalWidth ?? image.width, image.naturalHeight ?? image.height];
    const scale = Math.min(width / wide, height / high);
    erase();
    context.imageSmoothingEnabled = smooth || scale < 1;
    context.drawImage(
        image, (width - wide * scale) / 2, (height - high * scale) / 2, wide * scale, high * scale,
    );
    if (!smooth) snap();
    commit(previous);
};
file?.addEventListener("change", async () => {
    try {
        place(await createImageBitmap(file.files[0]));
    } catch {
        fault.textContent = "This file is not a picture that your browser can open: please choose another one.";
    }
    file.value = "";
});
editor.addEventListener("click", event => {
    const button = event.target.closest("button");
    if (!button) return;
    const {tool, color, action} = button.dataset;
    if (tool || color) {
        const kind = tool ? "tool" : "color";
        all(`[data-${kind}]`).forEach(item => item.setAttribute("aria-pressed", item === button));
    } else if ("example" in button.dataset) {
        place(button.querySelector("img"));
    } else if (action === "open") {
        file.click();
    } else if (action === "clear") {
        if (isEmpty()) return;
        const previous = snapshot();
        erase();
        commit(previous);
    } else {
        action === "undo" ? step(past, future) : step(future, past);
    }
});
const show = async address => { // true once the photo lies below an empty sheet of its shape
    const photo = editor.querySelector("img");
    editor.dataset.photo = "none";
    [past, future, start, area] = [[], [], null, null];
    erase();
    photo.src = address ?? "";
    if (!address) return false;
    try {
        await photo.decode();
    } catch {
        if (photo.src.endsWith(address)) {
            fault.textContent = "Your browser cannot show this picture, so there is nothing to paint on.";
        }
        return false;
    }
    const [wide, high] = [photo.naturalWidth, photo.naturalHeight];
    const scale = Math.min(1, Math.sqrt(MAX_MASK_PIXELS / (wide * high)));
    [width, height] = [wide, high].map(side => Math.max(1, Math.round(side * scale)));
    Object.assign(canvas, {width, height}); // which empties it
    photo.parentElement.style.aspectRatio = `${wide} / ${high}`;
    photo.parentElement.style.width = `min(100%, ${70 * wide / high}vh)`;
    delete editor.dataset.photo;
    return true;
};
editor.addEventListener("photo", ({detail: address}) => {
    show(address);
    publish();
});
const tint = image => { // the color of the mask, as opaque as the image is light
    context.drawImage(image, 0, 0, width, height);
    const pixels = snapshot(), {data} = pixels, color = parse(mask);
    for (let place = 0; place < data.length; place += 4) {
        data[place + 3] = data[place];
        data.set(data[place] ? color : [0, 0, 0], place);
    }
    context.putImageData(pixels, 0, 0);
};
watch("base", async () => {
    const {photo, area: address} = props.base ?? {}, current = ++version; // cancels an upload on its way
    fault.textContent = "";
    editor.classList.remove("is-painted");
    if (!(await show(photo)) || current !== version) return;
    const image = new Image();
    image.src = address;
    await image.decode();
    if (current !== version) return;
    tint(image);
    area = snapshot(); // read back, as transparent pixels lose some of their color
    refresh();
});
erase();
refresh();
