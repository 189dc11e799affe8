"""The language of the house: everything that crosses a process border is said here, once, and purely."""
