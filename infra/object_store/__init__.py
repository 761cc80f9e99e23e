"""Creates and configures the buckets and the queue of notifications."""
