"""Sensors: one file per system that is watched.

Each sees what waits and what is in flight before it asks for a run, asks for a bounded number, and
stores at most a watermark. A server that does not answer fails the tick; only "nothing new" skips.
"""
