"""What the buckets hold against what the ledger knows: strays, differences, and ages."""
