/* Reports presses on the buttons of an image grid: `select` for an image, `click` for the button below it. */
element.addEventListener("click", event => {
    const button = event.target.closest("button[data-id]");
    if (!button) return;
    const {event: name, id, tag} = button.dataset;
    trigger(name, {index: Number(id), value: button.title, tag});
});
