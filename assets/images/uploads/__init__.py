"""Door one: what the upload API has to know of its callers and their images."""
