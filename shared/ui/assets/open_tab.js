/* Sends the name of the open tab in place of the first value. */
(_, ...values) => [
    $TABS.find(id => document.getElementById(id)?.offsetParent) ?? "",
    ...values,
]
