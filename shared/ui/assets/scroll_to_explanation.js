/* Scrolls to the explanation of a match once it is laid out. */
() => setTimeout(
    () => document.querySelector(".is-why")?.scrollIntoView({block: "nearest", behavior: "smooth"}),
    100,
)
