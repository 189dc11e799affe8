"""View documents: what the archive holds, its versions, and how it is found."""
