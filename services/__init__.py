"""The web programs that people touch; a scheduled run needs nothing from here."""
