"""The read side: views in PostgreSQL that are folded from the log, and rebuilt from it or from the disks."""
