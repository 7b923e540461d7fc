/* Marks the pressed button of a text's words and reports its number as a `click`. */
element.addEventListener("click", event => {
    const button = event.target.closest("button[data-id]");
    if (!button) return;
    element.querySelectorAll("button").forEach(item => item.setAttribute("aria-pressed", item === button));
    trigger("click", {index: Number(button.dataset.id)});
});
