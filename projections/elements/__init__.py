"""View elements: the storage elements, their modes, and which of them are there."""
