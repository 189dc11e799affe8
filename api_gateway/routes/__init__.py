"""Routes of the HTTP interface, one file per noun."""
