"""Errors of the access commands: each is one sentence that says what is wrong and what to do."""

from __future__ import annotations


class AccessError(Exception):
    """Something about roles or grants that an administrator can mend; the message says how."""
