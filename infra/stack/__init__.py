"""Starts and stops everything that one machine needs: Kafka, PostgreSQL, Valkey and the programs, from one model."""
