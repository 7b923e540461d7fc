/* Marks the pressed choice of a menu and makes its name the value. */
const buttons = [...element.querySelectorAll("button[data-name]")];
const mark = () => buttons.forEach(button => {
    button.setAttribute("aria-pressed", button.dataset.name === props.value);
});
element.addEventListener("click", event => {
    const button = event.target.closest("button[data-name]");
    if (!button || button.dataset.name === props.value) return;
    props.value = button.dataset.name;
    mark();
    trigger("change");
});
watch("value", mark);
