"""Words for classes: the names that people see, and the search of a class by a word."""
