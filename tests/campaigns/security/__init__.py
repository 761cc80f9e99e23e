"""Attempts to break into a platform that runs: each section of the report is a module.

A module has a tuple `ATTEMPTS`, which `campaign` collects. An attempt does what an attacker would
do, with the attacker's means only, and yields one sentence for everything that it got; nothing
means that the platform held. It first does the same in the permitted way where there is one: an
attempt that fails for another reason, such as a wrong path, would count as held otherwise.
"""
