"""Images: how they arrive, how they are processed, and the ledger that knows each of them."""
