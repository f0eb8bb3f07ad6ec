"""Text that a terminal shows and does not obey. Pure."""

__all__ = ["printable"]


def printable(text: str) -> str:
    """One line: control characters, line ends, directions and halves of surrogate pairs as JSON escapes them."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in text)
