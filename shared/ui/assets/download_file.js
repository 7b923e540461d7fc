/* Downloads a file as soon as an event has set it, once: Gradio (6.31) tells of a file again when its component
   appears. Each file has an address of its own. */
file => {
    if (!file?.url || file.url === document.body.dataset.downloaded) return;
    document.body.dataset.downloaded = file.url;
    const link = document.createElement("a");
    link.href = file.url;
    link.download = file.orig_name ?? "";
    link.click();
}
