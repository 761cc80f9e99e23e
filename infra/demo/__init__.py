"""The demo: real photographs and sales sent through the running platform, and their outcome."""
