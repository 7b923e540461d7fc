/* Shows the results when a photo was chosen and they lie below the form, as they do on a phone; not while the form
   waits for another photo, nor while the visitor draws: in an area that is always open, or one that was opened. */
() => {
    const isEmpty = input => !input.multiple && input.closest(".block")?.offsetParent && !input.closest(".is-editor")
        && !input.closest(".block").querySelector(".image-frame img");
    const isDrawn = editor => editor.offsetParent && !editor.matches("details:not([open])");

    const showResults = target => {
        if (target.closest(".is-editor")) return;
        const form = target.closest(".is-bench > .column") ?? target.closest(".row > .column");
        const results = form?.nextElementSibling;
        if (!results?.matches(".column")) return;
        if ([...form.querySelectorAll(".is-editor")].some(isDrawn)) return;
        const own = target.closest(".is-examples")?.parentElement ?? target.closest(".block");
        const empty = [...form.querySelectorAll("input[type=file]")].filter(isEmpty);
        if (empty.some(input => !own?.contains(input))) return;
        // On a phone the column itself may have no box, so that others can stand between its parts.
        const result = [results, ...results.children].find(item => item.offsetParent && item.offsetHeight);
        if (!result || result.getBoundingClientRect().top < form.getBoundingClientRect().bottom) return;
        setTimeout(() => result.scrollIntoView({block: "start", behavior: "smooth"}), 400);
    };

    document.addEventListener("change", event => {
        if (event.target.type === "file" && !event.target.multiple) showResults(event.target);
    });

    document.addEventListener("click", event => {
        if (event.target.closest(".is-examples button")) showResults(event.target);
    });
}
