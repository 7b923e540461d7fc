/* Puts pictures that a visitor pastes into the page's input for pictures; Gradio's own button (6.31) wants a click
   first. An empty input comes before one that is filled, and then the one in the innermost open tab; several pictures
   go to an input that takes several, and text fields keep what is text. An accordion that hides the only input
   unfolds. */
() => {
    const depth = input => {
        let count = 0;
        for (let item = input; item; item = item.parentElement) count += item.getAttribute("role") === "tabpanel";
        return count;
    };

    const header = input => input.closest(".gr-accordion")?.querySelector(".label-wrap:not(.open)");
    const isOpen = input => input.closest(".block")?.offsetParent;
    const isFolded = input => header(input)?.offsetParent;
    const isEmpty = input => !input.closest(".block").querySelector(".image-frame img");

    const target = count => {
        const all = [...document.querySelectorAll("input[type=file]")].filter(input => /image[/]/.test(input.accept));
        const open = all.filter(isOpen), inputs = open.length ? open : all.filter(isFolded);
        const own = inputs.filter(input => !input.closest(".is-editor"));  // not a picture to draw on
        const found = (own.length ? own : inputs).sort((one, other) => depth(other) - depth(one));
        if (count > 1 || found[0]?.multiple) return found.find(input => input.multiple) ?? found[0];
        return found.find(input => !input.multiple && isEmpty(input)) ?? found[0];
    };

    document.addEventListener("paste", event => {
        const pictures = [...event.clipboardData?.files ?? []].filter(file => file.type.startsWith("image/"));
        const isText = event.target.closest?.("input, textarea, [contenteditable=true]")
            && event.clipboardData?.types.includes("text/plain");
        const input = pictures.length && !isText && target(pictures.length);
        if (!input) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        if (!isOpen(input)) header(input)?.click();
        const data = new DataTransfer();
        pictures.slice(0, input.multiple ? undefined : 1).forEach(file => data.items.add(file));
        input.files = data.files;
        input.dispatchEvent(new Event("change", {bubbles: true}));
    }, true);
}
