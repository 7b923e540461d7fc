/* Lets a visitor click on a region of a segmented image. Gradio's AnnotatedImage (6.31) reports clicks on its
   legend only, so a click on the image is passed on to the legend's entry of the first mask that is not
   transparent at that point. */
() => {
    const box = document.querySelector(".is-regions .image-container");
    if (!box) return;
    box.onclick = async event => {
        const masks = [...box.querySelectorAll("img.mask")];
        await Promise.all(masks.map(mask => mask.decode()));  // those of a large photo may still be loading
        const image = box.querySelector("img"), frame = image.getBoundingClientRect();
        const scale = Math.min(frame.width / image.naturalWidth, frame.height / image.naturalHeight);
        const x = (event.clientX - frame.x - (frame.width - image.naturalWidth * scale) / 2) / scale;
        const y = (event.clientY - frame.y - (frame.height - image.naturalHeight * scale) / 2) / scale;
        const context = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
        const index = masks.findIndex(mask => {
            context.clearRect(0, 0, 1, 1);
            context.drawImage(mask, -Math.floor(x), -Math.floor(y));
            return context.getImageData(0, 0, 1, 1).data[3] > 0;
        });
        document.querySelectorAll(".is-regions .legend-item")[index]?.click();
    };
}
