"""Ground under every program: settings, clock, telemetry, lifecycle, doors to Kafka, PostgreSQL and Redis."""
