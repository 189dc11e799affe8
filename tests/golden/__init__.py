"""Golden files and the samples that they hold."""
