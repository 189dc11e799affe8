"""View keys: the keys that sign tokens."""
