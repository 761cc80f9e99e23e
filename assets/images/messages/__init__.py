"""Door two: Kafka messages, their incarnations, gaps, claim checks and replays."""
