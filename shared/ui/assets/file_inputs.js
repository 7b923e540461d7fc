/* Lets inputs for pictures take what Gradio (6.31) would turn away in the browser, for the server to judge: files
   whose type the browser does not know, such as those without an ending, and the others of a choice in which
   some are too large. */
() => {
    const retype = file => /^(application[/]octet-stream)?$/.test(file.type)
        ? new File([file], file.name, {type: "image/unknown"})
        : file;

    const transfer = files => {
        const data = new DataTransfer();
        files.forEach(file => data.items.add(file));
        return data;
    };

    const fileInput = block => block?.querySelector("input[type=file]");
    const takesPictures = block => /^$|image[/]/.test(fileInput(block)?.accept ?? "");

    // Gradio refuses all files together if one of them is too large, so the large ones go by themselves.
    const split = files => [
        files.filter(file => file.size > $LIMIT),
        files.filter(file => file.size <= $LIMIT).map(retype),
    ].filter(part => part.length);

    const resent = new WeakSet();
    const resendInParts = (event, files, prepare) => {
        const block = event.target.closest(".block");
        if (!files?.length || resent.has(event) || !takesPictures(block)) return;
        event.preventDefault();
        event.stopImmediatePropagation();
        split([...files]).forEach((part, number) => setTimeout(() => {
            const [target, copy] = prepare(block, transfer(part));
            resent.add(copy);
            target.dispatchEvent(copy);
        }, 500 * number));
    };

    document.addEventListener("change", event => {
        if (event.target.type !== "file") return;
        resendInParts(event, event.target.files, (block, data) => {
            const input = fileInput(block);  // another one by now, after an error
            input.files = data.files;
            return [input, new Event("change", {bubbles: true})];
        });
    }, true);

    document.addEventListener("drop", event => {
        resendInParts(event, event.dataTransfer?.files, (block, data) => {
            const target = event.target.isConnected ? event.target : fileInput(block)?.parentElement ?? block;
            return [target, new DragEvent("drop", {bubbles: true, cancelable: true, dataTransfer: data})];
        });
    }, true);
}
