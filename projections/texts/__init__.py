"""View texts: the words inside documents, fetched from the agents that extracted them."""
