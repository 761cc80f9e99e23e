"""The edge proxy: one port for the web pages of all programs, each under a host of its own."""
