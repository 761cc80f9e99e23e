"""When and with what the assets run."""
