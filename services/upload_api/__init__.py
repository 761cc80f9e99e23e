"""The upload API: accepts images over HTTP and shows each uploader the state of its own images.

Any number of processes can serve side by side, because all state is in S3 and PostgreSQL. The page
for people is in `static`.
"""
