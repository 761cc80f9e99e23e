"""The kill campaign: images stream through all doors, things are killed, and all is counted."""
