"""The demo's documents, as package data, and the table that describes them."""
