"""View operations: every request and how far its saga has come."""
