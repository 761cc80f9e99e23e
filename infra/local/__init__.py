"""The embedded stack: real PostgreSQL, S3, SQS and Kafka servers, all state in one folder."""
