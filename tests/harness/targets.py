"""Targets that settings of tests have in common, as `[targets.…]` tables; `{scratch}` becomes a directory."""

__all__ = ["MOTD", "SHOP", "VHOSTS"]

SHOP = """
[targets.shop]
path   = "{scratch}/shop/shop.ini"
format = "ini"
secret = ["mail.password"]
"""

MOTD = """
[targets.motd]
path   = "{scratch}/site/motd"
format = "text"
"""

VHOSTS = """
[targets.vhosts]
directory = "{scratch}/vhosts"
names     = '[a-z0-9-]+\\.conf'
format    = "text"
"""
