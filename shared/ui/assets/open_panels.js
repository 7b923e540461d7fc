/* Shows the panels of a menu's choice and hides the others in place, so that drawings and texts stay. Gradio
   (6.31) hides a column with its children only, and only when an event tells it to. */
name => document.querySelectorAll(".is-panel").forEach(
    panel => panel.classList.toggle("is-closed", !panel.classList.contains(`is-for-${name}`)),
)
