/* Puts pictures that a visitor pastes into the page's input for pictures; Gradio's own button (6.31) wants a click
   first. The input in the innermost open tab comes first, several pictures go to an input that takes several, and
   text fields keep what is text. */
() => {
    const depth = input => {
        let count = 0;
        for (let item = input; item; item = item.parentElement) count += item.getAttribute("role") === "tabpanel";
        return count;
    };

    const isOpen = input => input.closest(".block")?.offsetParent && /image[/]/.test(input.accept);

    const target = count => {
        const inputs = [...document.querySelectorAll("input[type=file]")].filter(isOpen);
        const own = inputs.filter(input => !input.closest(".is-editor"));  // not a picture to draw on
        const found = (own.length ? own : inputs).sort((one, other) => depth(other) - depth(one));
        return (count > 1 && found.find(input => input.multiple)) || found[0];
    };

    document.addEventListener("paste", event => {
        const pictures = [...event.clipboardData?.files ?? []].filter(file => file.type.startsWith("image/"));
        const isText = event.target.closest?.("input, textarea, [contenteditable=true]")
            && event.clipboardData?.types.includes("text/plain");
        const input = pictures.length && !isText && target(pictures.length);
        if (!input) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        const data = new DataTransfer();
        pictures.slice(0, input.multiple ? undefined : 1).forEach(file => data.items.add(file));
        input.files = data.files;
        input.dispatchEvent(new Event("change", {bubbles: true}));
    }, true);
}
