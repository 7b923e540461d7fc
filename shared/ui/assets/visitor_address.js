/* Replaces the server's address in code examples with the one that the visitor's browser uses: visitors come
   through a proxy, by another name of the host, or to Hugging Face. */
(...examples) => {
    const address = location.origin + location.pathname.replace(/[/]+$/, "");
    return examples.map(example => example.replaceAll($ADDRESS, address));
}
