"""The Kafka topic: described in `topics.yaml`, created where it is missing."""
