"""Values that are worked out when they are first asked for."""

import threading
from typing import Final

from rpcd.documents.kept import kept


class Slow:
    """Works its value out when it may; `asked` says how often."""

    def __init__(self) -> None:
        self.may: Final = threading.Event()
        self.asked = 0

    @kept
    def value(self) -> int:
        """A number."""
        self.asked += 1
        self.may.wait(20)
        return 7


def test_it_is_worked_out_once() -> None:
    """Whoever asks again gets what was found the first time; of the class itself, the descriptor."""
    one = Slow()
    one.may.set()
    assert (one.value, one.value, one.asked) == (7, 7, 1)
    assert Slow.value.__doc__ == "A number."


def test_nobody_waits_for_another_object() -> None:
    """While one object works its value out, others of its class have theirs: a large document holds up no small one."""
    slow, quick = Slow(), Slow()
    quick.may.set()
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    asker = threading.Thread(target=lambda: quick.value)
    asker.start()
    asker.join(10)
    waited = asker.is_alive()
    slow.may.set()
    thread.join()
    asker.join()
    assert not waited
