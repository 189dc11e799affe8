"""Bodies of the HTTP interface, one file per noun; names and shapes are a promise."""
