"""A made-up ingestion source: files that a program fetches from an SFTP server."""
