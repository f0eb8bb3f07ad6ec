"""What handlers may ask of the server that they run in.

The composition root has an object of this shape; handlers reach it as `call.control`. An administrator's own module may
read from it too.
"""

from collections.abc import Mapping
from typing import Protocol

__all__ = ["Control"]


class Control(Protocol):
    """The server as its own methods see it. `by` are the fields by which the audit tells who asked."""

    @property
    def read_only(self) -> str | None:
        """The administrator's reason for read-only mode, or None where changes are taken."""

    @property
    def stopping(self) -> bool:
        """Whether nothing is begun any more."""

    async def reload(self, by: Mapping[str, object]) -> tuple[str, ...]:
        """Read the settings again; every fault for which the old ones were kept, or none: then the new ones hold."""

    async def set_read_only(self, reason: str | None, by: Mapping[str, object]) -> bool:
        """Begin read-only mode at once, or end it with None; whether a restart will know.

        Raises `Refused("storage")` where it cannot end, since a restart would begin it again.
        """

    def metrics(self) -> str:
        """The counters as OpenMetrics text."""

    def status(self) -> dict[str, object]:
        """How the server is, as `schemas/status.result.json` says."""
