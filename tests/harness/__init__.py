"""What the tests stand on: the real server in a directory of its own, raw sockets, and other users.

Nothing here uses `rpcd.client` or any other part of what is tested: a fault there must not hide one here.
"""
