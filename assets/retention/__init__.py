"""Retention: deletes all copies of an image at its age or on demand, and proves it.

Read `purge` (what is due), `deletion` (in which order), `erasure` and `erasure_requests` (on
demand), `orphans` (what listing finds), `receipts`, `signing`, `receipt_store`, `receipt_archive`
and `receipt_chain` (the record), `proof`, `inventory` and `checks` (the control), `restore` (after
a restored dump). The SQL is in `ledger_rows` and `ledger_references`. How old an image may be is
decided by `assets.retention_policy`. Nothing that stores or processes images imports this package.
"""
