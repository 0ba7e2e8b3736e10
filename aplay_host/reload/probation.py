"""The first messages of new code, and when they are reason to take it back."""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..kernel import ActorSystem, Address, Event, MessageFailed, Quarantined
from ..plugins import guest_traceback
from .refusal import Refusal
from .wording import told

MOST_FAILURES = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why `generation` is to be taken back."""

    generation: int
    refusal: Refusal
    traceback: str = ""


class Probation:
    """Watches the actors that a commit has exchanged, for `seconds` at most.

    ==============================================  ==============================
    an actor                                        then
    ==============================================  ==============================
    fails its first three messages, asks included   `failed` is told, once
    becomes failed before it has handled any        `failed` is told, once
    has handled a message                           nothing more can come of it
    time is up, or `end`                            what was set aside has failed
    ==============================================  ==============================
    """

    def __init__(
        self,
        system: ActorSystem,
        generation: int,
        seconds: float,
        failed: Callable[[Verdict], None],
    ) -> None:
        self._system = system
        self._generation = generation
        self._seconds = seconds
        self._failed = failed
        self._handled: dict[Address, int] = {}
        self._failures: Counter[Address] = Counter()
        self._ends: list[Callable[[], object]] = []

    def begin(self, addresses: Iterable[Address]) -> None:
        """Watch these actors, which have just been exchanged."""
        self._handled = {one: self._system.ref(one).status().handled for one in addresses}
        timer = self._system.loop.call_later(self._seconds, self.end)
        kinds = (MessageFailed, Quarantined)
        self._ends = [self._system.events.subscribe(kinds, self._saw), timer.cancel]

    def end(self) -> None:
        """Let it be passed; a second call does nothing."""
        self._watch_no_more()
        for address in self._handled:
            cell = self._system.cell_at(address)
            if cell is not None and cell.probation and cell.generation == self._generation:
                cell.probation.settle()
        self._handled = {}

    def _watch_no_more(self) -> None:
        ends, self._ends = self._ends, []
        for one in ends:
            one()

    def _saw(self, event: Event) -> None:
        address = event.address
        if not self._ends or address not in self._handled:
            return
        if isinstance(event, MessageFailed):
            if self._is_one_of_the_first(event):
                self._failures[address] += 1
                if self._failures[address] == MOST_FAILURES:
                    self._tell(address, event.error)
        elif (
            isinstance(event, Quarantined)
            and self._system.ref(address).status().handled == self._handled[address]
        ):
            newest = event.history[-1]
            text = f"it failed: {newest.type}: {newest.text} ({newest.where})"
            self._give(address, text, "")

    def _is_one_of_the_first(self, event: MessageFailed) -> bool:
        """Tell whether a message failed, not a start or a task, before any was handled."""
        cell = self._system.cell_at(event.address)
        is_message = event.message_type is not None and isinstance(event.error, Exception)
        return is_message and cell is not None and cell.probation is not None

    def _tell(self, address: Address, error: BaseException) -> None:
        frames = traceback.extract_tb(error.__traceback__)
        place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
        count = f"{MOST_FAILURES} of {MOST_FAILURES} messages failed"
        text = f"{count}: {told(error)}{place}"
        self._give(address, text, guest_traceback(error))

    def _give(self, address: Address, got: str, text: str) -> None:
        self._watch_no_more()  # what was set aside waits: it may run on the old code
        wanted, cure = "code that handles its first messages", "correct it and save again"
        refusal = Refusal("probation", address, got, wanted, cure)
        self._failed(Verdict(self._generation, refusal, text))
