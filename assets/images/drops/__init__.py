"""Door three: objects that anybody puts into the raw bucket, by notification and by listing."""
