"""One reader a format: a function from a Source to the text and the table of words."""
