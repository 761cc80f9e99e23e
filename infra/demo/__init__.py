"""The demo: real photographs and sales sent through the running platform, and what came of them."""
