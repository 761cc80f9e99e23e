"""Sensors: one file per system that is watched.

Each reads the backlog and the runs in flight before it requests a run, requests a bounded number,
and stores at most a watermark. A server that does not answer fails the tick; a tick skips only when
there is nothing new.
"""
