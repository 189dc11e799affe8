"""View timeline: every event of the log, decoded, for auditors."""
