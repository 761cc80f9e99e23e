"""Errors of the embedded stack: each is one sentence that says what is wrong and what to do."""

from __future__ import annotations


class StackError(Exception):
    """Something about the embedded stack that its user can mend; the message says how."""
