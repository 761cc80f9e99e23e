"""The Kafka topic: described in `topics.yaml`, made where it is missing."""
