/* Tells the editor of the mask which photo lies below. */
photo => document.querySelector(".is-mask").dispatchEvent(new CustomEvent("photo", {detail: photo?.url}))
