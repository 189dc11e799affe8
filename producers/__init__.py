"""The write side: typed verbs that put requests on Kafka, for the gateway and for integrators alike."""
