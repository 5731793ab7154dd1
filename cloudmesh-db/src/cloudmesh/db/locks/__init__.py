"""Locks that a store needs, and how long one program waits for another one that uses it."""

BUSY_SECONDS = 30.0
