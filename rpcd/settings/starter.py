"""The settings that a new installation begins with: the commented example, in which nothing is granted to others yet.

Rules of this file:

- contrib/examples/rpcd.toml is where every setting is explained; the starter is made from it, and has no text of its
  own but the one grant that an administrator needs.
- It holds on a machine that has none of the example's files: targets and grants are commented out with a `#` that
  touches the setting. A `# ` before it marks what the example leaves out, too.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from rpcd.settings import MethodFacts

__all__ = ["example", "starter"]

FIRST_TARGET: Final = "[targets."
"""What the first line begins with that is not for every machine."""

ADMINISTRATOR: Final = """
# What an administrator needs to look after the server, as root.

[[grants]]
users   = ["root"]
methods = [{methods}]
"""


def example() -> str:
    """The commented example: in the package of a wheel, beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_examples" / "rpcd.toml"
    found = inside if os.path.exists(inside) else package.parent / "contrib" / "examples" / "rpcd.toml"
    return found.read_text(encoding="utf-8")


def starter(methods: Mapping[str, MethodFacts]) -> str:
    """The text of a first rpcd.toml."""
    head, begin, rest = example().partition(FIRST_TARGET)
    lines = [f"#{line}" if line and not line.startswith("#") else line for line in (begin + rest).splitlines()]
    own = [f'"{name}"' for name, row in methods.items() if row.target is None and not row.open and not row.changes]
    return head + "\n".join(lines) + "\n" + ADMINISTRATOR.format(methods=", ".join(own))
