/* Regions of a photo to choose from: a press on the photo chooses one, and buttons turn several on and off. The
   value is the names of the chosen ones, joined by commas. Photo, regions and a map of their numbers come from the server, in the property "base".
   Regions belong to people: those of one of them can be chosen at a time. */
const picker = element.querySelector(".is-picker"), photo = picker.querySelector("img");
const canvas = picker.querySelector("canvas"), context = canvas.getContext("2d");
const buttons = picker.querySelector(".is-chips"), people = picker.querySelector(".is-people");
const COLOR = [255, 45, 135], OPACITY = 130;
let regions = [], numbers = null, hovered = 0; // number of the region below the mouse, from 1

const chosen = () => (props.value || "").split(",").filter(Boolean);
const byName = name => regions.find(region => region.name === name);
const person = () => byName(chosen()[0])?.person ?? regions[0]?.person ?? 0;
const button = (title, pressed, data) => {
    const item = document.createElement("button");
    Object.assign(item, {type: "button", textContent: title});
    Object.assign(item.dataset, data);
    item.setAttribute("aria-pressed", pressed);
    return item;
};
const draw = () => {
    const {width, height} = canvas, image = context.createImageData(width, height), names = chosen();
    const opacities = [0, ...regions.map(({name}, index) => {
        const pressed = names.includes(name) ? OPACITY : 0;
        return index + 1 === hovered ? pressed + 60 : pressed;
    })];
    for (let place = 0; place < width * height; place++) {
        image.data.set([...COLOR, opacities[numbers?.[place] ?? 0]], 4 * place);
    }
    context.putImageData(image, 0, 0);
};
const render = () => {
    const names = chosen(), current = person();
    const counted = [...new Set(regions.map(region => region.person))];
    people.replaceChildren(...(counted.length > 1 ? counted : []).map(
        number => button(`Person ${number}`, number === current, {person: number}),
    ));
    buttons.replaceChildren(...regions.filter(region => region.person === current).map(
        ({name, title}) => button(title, names.includes(name), {name}),
    ));
    draw();
};
const choose = names => {
    if (names.join(",") === props.value) return;
    props.value = names.join(",");
    render();
    trigger("change");
};
const toggle = ({name}) => {
    const names = chosen();
    const next = names.includes(name) ? names.filter(item => item !== name) : [...names, name];
    if (next.length) choose(next); // at least one stays
};
const below = event => {
    const box = canvas.getBoundingClientRect();
    const [x, y] = [(event.clientX - box.x) / box.width, (event.clientY - box.y) / box.height];
    const [column, row] = [Math.floor(x * canvas.width), Math.floor(y * canvas.height)];
    return numbers?.[row * canvas.width + column] ?? 0;
};
canvas.addEventListener("click", event => {
    const region = regions[below(event) - 1];
    if (region) choose([region.name]);
});
canvas.addEventListener("pointermove", event => {
    const number = event.pointerType === "mouse" ? below(event) : 0;
    if (number === hovered) return;
    hovered = number;
    canvas.style.cursor = number ? "pointer" : "";
    canvas.title = regions[number - 1]?.title ?? "";
    draw();
});
canvas.addEventListener("pointerleave", () => {
    hovered = 0;
    draw();
});
picker.addEventListener("click", event => {
    const {name, person: number} = event.target.closest("button")?.dataset ?? {};
    if (name) toggle(byName(name));
    if (number) choose([regions.find(region => region.person === Number(number)).name]);
});
const show = async () => {
    const base = props.base;
    picker.hidden = !base;
    [regions, numbers] = [base?.regions ?? [], null];
    render();
    if (!base) return;
    photo.src = base.photo;
    const image = new Image();
    image.src = base.numbers;
    await image.decode();
    if (base.numbers !== props.base?.numbers) return; // another photo came meanwhile
    const {naturalWidth: width, naturalHeight: height} = image;
    Object.assign(canvas, {width, height});
    photo.parentElement.style.aspectRatio = `${width} / ${height}`;
    photo.parentElement.style.width = `min(100%, ${52 * width / height}vh)`;
    context.drawImage(image, 0, 0);
    numbers = context.getImageData(0, 0, width, height).data.filter((_, place) => place % 4 === 0);
    render();
};
watch("base", show);
watch("value", render);
