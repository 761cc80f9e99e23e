"""The kill campaign: images stream through all sources, things are killed, and all is counted."""
