/* Shows the description of the chosen engine below the menu. */
engine => ($DESCRIPTIONS)[engine] ?? ""
