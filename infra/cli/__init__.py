"""The `artstore` command: one file per group of subcommands, and the client of the HTTP interface they share."""
