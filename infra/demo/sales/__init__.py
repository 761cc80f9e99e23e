"""Invented sales: members, items and transactions for the demo, the tests and large databases."""
