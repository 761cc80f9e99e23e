"""The upload source: what the upload API needs to know of its callers and their images."""
