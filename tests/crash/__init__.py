"""Crash safety, shown: the server is killed at every system call of a change, and the power is cut behind it."""
