/* Selects the text of a focused menu, so that typing replaces it and searches at once. */
() => { setTimeout(() => document.activeElement?.select?.(), 50) }
