"""The upload API: images in over HTTP, and to each uploader what became of its own.

Any number of these processes serve beside each other; what they keep is in S3 and PostgreSQL. The
page that people use is in `static`.
"""
