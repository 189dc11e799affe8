"""Measured figures: our programs beside raw ones in the same run, never a pass or a fail."""
