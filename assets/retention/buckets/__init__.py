"""What the buckets hold against what the ledger knows: orphans, differences, and ages."""
