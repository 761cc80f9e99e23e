"""Where the platform runs: the embedded stack, the DDL, buckets and topics, and the demo."""
