"""How images arrive: one folder per ingestion source."""
