/* Gives the images of Gradio's components (6.31), which have no alternative text, one: a sample photo its name, any
   other the label of its component. */
() => {
    const describe = image => {
        if (image.alt || !image.src.includes("/file=")) return;
        const name = decodeURIComponent(image.src.split("/").pop()).replace(/[.][^.]*$/, "");
        const label = image.closest(".block")?.querySelector("[data-testid=block-label], label")?.innerText.trim();
        const text = image.closest(".is-examples") ? `Sample photo: ${name}` : label || name;
        if (text) image.alt = text;
    };

    const describeAll = () => document.querySelectorAll("img").forEach(describe);
    new MutationObserver(describeAll).observe(
        document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ["src"]},
    );
    describeAll();
}
