"""What administrators do for the upload API: keys for its callers."""
