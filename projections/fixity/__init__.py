"""View fixity: which versions are damaged, and when each element last read through all that it holds."""
