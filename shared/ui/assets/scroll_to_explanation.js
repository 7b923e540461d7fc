/* Scrolls to the explanation of a match once it is laid out. */
() => setTimeout(
    () => [...document.querySelectorAll(".is-why")].find(panel => panel.offsetParent)
        ?.scrollIntoView({block: "nearest", behavior: "smooth"}),
    100,
)
