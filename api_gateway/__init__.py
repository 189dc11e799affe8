"""The edge: the HTTP interface of the archive. It asks the views and puts requests into the saga inbox."""
