"""Errors of the commands about the upload API: each is one sentence that says what to do."""

from __future__ import annotations


class UploadError(Exception):
    """Something about keys that an administrator can mend; the message says how."""
