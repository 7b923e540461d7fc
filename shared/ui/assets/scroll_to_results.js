/* Shows the results when a photo was chosen and they lie below the form, as they do on a phone; not where the form
   has an area to draw in, for which the visitor stays. */
() => {
    const showResults = target => {
        const form = target.closest(".row > .column");
        const results = form?.nextElementSibling;
        const editors = [...form?.querySelectorAll(".is-editor") ?? []];
        if (editors.some(editor => editor.offsetParent)) return;
        if (!results?.matches(".column") || results.offsetTop < form.offsetTop + form.offsetHeight) return;
        setTimeout(() => results.scrollIntoView({block: "start", behavior: "smooth"}), 400);
    };

    document.addEventListener("change", event => {
        if (event.target.type === "file" && !event.target.multiple) showResults(event.target);
    });

    document.addEventListener("click", event => {
        if (event.target.closest(".is-examples button")) showResults(event.target);
    });
}
