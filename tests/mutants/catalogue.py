"""Mistakes that could be made in the kernel, each a small change of its text."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutant:
    """One mistake: `old` stands exactly once in `path` and is replaced by `new`.

    `path` is below the package. At least one test of `caught_by`, files or node ids, must fail
    under it.
    """

    name: str
    path: str
    old: str
    new: str
    caught_by: tuple[str, ...]


def scenario(name: str) -> str:
    """Return the node id of a scenario of the interleavings."""
    test = "test_every_order_of_steps_keeps_the_promises"
    return f"tests/interleavings/test_scenarios.py::{test}[{name}]"


MUTANTS = (
    Mutant(
        "the gate is not closed before a stop",
        "kernel/lifecycle.py",
        """
    cell.enter("stopping")
    cell.curtail()
""",
        """
    cell.enter("stopping")
    pass
""",
        (scenario("a_person_who_stops_and_starts"),),
    ),
    Mutant(
        "the counter is skipped on cancel",
        "kernel/drain.py",
        """
        if not (self._abandoned or (self._is_cut_by(error) and self._is_released(message))):
            self.cell.fail_message(error, message)
""",
        """
        if not self._abandoned and not isinstance(error, asyncio.CancelledError):
            self.cell.fail_message(error, message)
""",
        (
            scenario("three_slots"),
            "tests/kernel/test_tell.py",
        ),
    ),
    Mutant(
        "waiters are served newest first",
        "kernel/mail.py",
        "waiter, self.waiters = self.waiters[0], self.waiters[1:]",
        "waiter, self.waiters = self.waiters[-1], self.waiters[:-1]",
        (
            scenario("many_senders_and_little_room"),
            "tests/kernel/test_overflow.py",
        ),
    ),
    Mutant(
        "requests are not answered at a stop",
        "kernel/lifecycle.py",
        """
    cell.bury_requests("stopped" if cell.wanted == "down" else cell.reason)
""",
        """
    pass
""",
        (
            scenario("a_person_who_stops_and_starts"),
            "tests/kernel/test_ask.py",
        ),
    ),
    Mutant(
        "a restart is not counted against the budget",
        "kernel/supervisor.py",
        "    cell.stamps = plan.stamps\n",
        "    cell.stamps = ()\n",
        (
            scenario("a_crash_loop"),
            "tests/kernel/test_quarantine.py",
        ),
    ),
    Mutant(
        "a dead letter is not counted",
        "kernel/mail.py",
        "        self.dead += len(messages)\n",
        "        pass\n",
        (scenario("removed_and_made_again"),),
    ),
    Mutant(
        "a hand-off takes no heed of who is at work",
        "kernel/ref.py",
        "cell.direct and not cell.hands and",
        "cell.direct and",
        (scenario("askers_alone"),),
    ),
    Mutant(
        "mail behind a cancelled handler wakes nobody",
        "kernel/cell.py",
        """
        if self.inbox:
            self.wake()
        elif""",
        """
        if self.inbox:
            pass
        elif""",
        (scenario("many_senders_and_little_room"),),
    ),
    Mutant(
        "a start ends a hold",
        "kernel/lifecycle.py",
        """
    if cell.held:
        cell.system.events.tell(StartRefused, cell.address)
        return Op(cell, must_run=True)
""",
        """
    cell.held = False
""",
        (scenario("a_person_who_stops_and_starts"),),
    ),
    Mutant(
        "an expired request is run",
        "kernel/request.py",
        "        if self.reply is None or not self.reply.done():\n            return None\n",
        "        if self.reply is None or True:\n            return None\n",
        (scenario("askers_and_their_deadlines"),),
    ),
    Mutant(
        "a circle of asks waits for its deadline",
        "kernel/turn.py",
        "            if taken >= most:\n",
        "            if taken > 1000:\n",
        (scenario("asks_in_a_circle"),),
    ),
    Mutant(
        "the timer of asks outlives the system",
        "kernel/deadlines.py",
        """
        self._buckets.clear()
        if self._timer is not None:
            self._timer.cancel()
""",
        """
        self._buckets.clear()
""",
        (scenario("askers_and_their_deadlines"),),
    ),
    Mutant(
        "a tick is handled after its timer was cancelled",
        "kernel/timers.py",
        'return "timer_cancelled" if self.timer.is_cancelled else None',
        "return None",
        (scenario("timers_and_their_ends"),),
    ),
    Mutant(
        "a handler that was left behind is counted twice",
        "kernel/drain.py",
        """
        if not (self._abandoned or (self._is_cut_by(error) and self._is_released(message))):
            self.cell.fail_message(error, message)
""",
        """
        if not False:
            self.cell.fail_message(error, message)
""",
        (scenario("a_handler_that_is_left_behind"),),
    ),
    Mutant(
        "cancelling who waits for a verb cancels the verb",
        "kernel/op.py",
        "                await asyncio.wait({steering})\n",
        "                await steering\n",
        ("tests/interleavings/test_cancelled_waits.py",),
    ),
    Mutant(
        "adoption loses mail",
        "kernel/cell.py",
        "        self.admit_waiters()  # as far as the new capacity allows\n",
        '        self.bury_all("removed")\n',
        (scenario("a_parent_that_restarts_with_its_child"),),
    ),
    Mutant(
        "a message overtakes those that wait",
        "kernel/mail.py",
        "        self._line(message).append(message)\n",
        "        self._line(message).appendleft(message)\n",
        (scenario("many_senders_and_little_room"),),
    ),
    Mutant(
        "one handler more than allowed",
        "kernel/cell.py",
        "len(self.hands) < self.spec.max_tasks",
        "len(self.hands) <= self.spec.max_tasks",
        ("tests/properties",),
    ),
    Mutant(
        "a watch that was told goes on",
        "kernel/watch.py",
        """
            end_watch(watch.watcher, watch.address)


def begin_watch""",
        """
            pass


def begin_watch""",
        ("tests/kernel/test_watch.py",),
    ),
    Mutant(
        "the gate is not closed for an exchange",
        "kernel/lifecycle.py",
        """
    cell.enter("paused")
    cell.curtail()
""",
        """
    cell.enter("paused")
""",
        (scenario("new_behaviours_amid_traffic"),),
    ),
    Mutant(
        "an exchange loses mail",
        "kernel/exchange.py",
        "        return MailPlan(deque(line) or None)\n",
        "        return MailPlan(None)\n",
        (scenario("new_behaviours_amid_traffic"),),
    ),
)
