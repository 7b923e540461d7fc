/* Passes the words of a query on; on a phone, where the matches lie below all settings, scrolls to them. */
text => {
    if (innerWidth < 768) document.querySelector("#matches")?.scrollIntoView({behavior: "smooth"});
    return text;
}
