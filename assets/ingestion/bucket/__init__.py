"""The bucket source: objects dropped into the raw bucket, found by notification and by listing."""
