/* Asks for a photo only as long as there is none: results take seconds. */
photo => photo ? "" : $TEXT
