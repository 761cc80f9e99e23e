"""The Kafka source: landing, gaps, claim checks and replays."""
