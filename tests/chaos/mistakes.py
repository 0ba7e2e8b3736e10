"""Mistakes that could be made in keeping mail, each a small change of the text."""

from __future__ import annotations

from tests.mutants.catalogue import Mutant

KILLS = "tests/chaos/test_kills.py"
POISON = "tests/chaos/test_poison.py"
POWER = (
    "tests/chaos/test_power.py::"
    "test_after_a_power_cut_all_that_was_kept_is_handled_and_nothing_that_was_settled"
)

MISTAKES = (
    Mutant(
        "acknowledged before the handler",
        "mailboxes/sqlitebox.py",
        """
        self._delivered[kept.seq] = kept
""",
        """
        self._delivered[kept.seq] = kept
        self._submit(Ending(self, done=kept.seq))
""",
        (KILLS,),
    ),
    Mutant(
        "confirmed before the commit",
        "mailboxes/writer.py",
        """
        try:
            self._commit(ops)
""",
        """
        self._tell(Report(ops, problem=self._problem))
        try:
            self._commit(ops)
            return
""",
        (POWER,),
    ),
    Mutant(
        "nothing is synced",
        "mailboxes/mailfile.py",
        'db.execute("PRAGMA synchronous=FULL")',
        'db.execute("PRAGMA synchronous=OFF")',
        (POWER,),
    ),
    Mutant(
        "nobody knows what was in hand",
        "mailboxes/ledger.py",
        "        return tuple(sorted({seq for seq in found if seq}))\n",
        "        return ()\n",
        (POISON,),
    ),
    Mutant(
        "a release is charged as an attempt",
        "mailboxes/verdicts.py",
        """
    if not isinstance(outcome, Failed):
        return Returned()
""",
        """
    if not isinstance(outcome, Failed):
        return Retried(attempts + 1, 0.0)
""",
        ("tests/chaos/test_stops.py",),
    ),
    Mutant(
        "what has failed goes to the end of the line",
        "mailboxes/sqlitebox.py",
        """
                self._submit(Ending(self, tried=(attempts, kept.seq)))
                return Again(random.uniform(0.0, within))
""",
        """
                self._forget(kept)
                self._submit(Ending(self, done=kept.seq))
                self._engine.link.submit(self.place(kept.record, Parcel(None)))
                return FINAL
""",
        (POISON,),
    ),
    Mutant(
        "what a turn sends leaves before its commit",
        "mailboxes/sqlitebox.py",
        """
            ending.sends = tuple(box.place(parcel.own, parcel) for box, parcel in sends)
""",
        """
            for box, parcel in sends:
                self._engine.link.submit(box.place(parcel.own, parcel))
            ending.then = outcome.then
            self._engine.link._loop.call_later(0.002, self._submit, ending)
            return
""",
        (KILLS,),
    ),
    Mutant(
        "the loop never gives way",
        "mailboxes/link.py",
        "            time.sleep(GIVEN_SECONDS)\n",
        "            pass\n",
        ("tests/mailboxes/test_sqlite_busy.py",),
    ),
    Mutant(
        "numbers are given again after a start",
        "mailboxes/store.py",
        '        boot = meta["boot"] + 1\n',
        "        boot = 1\n",
        (KILLS,),
    ),
    Mutant(
        "whoever was in company is charged",
        "mailboxes/suspects.py",
        "    return BootPlan(waiting if len(listed) == 1 else (), waiting)\n",
        "    return BootPlan(waiting, waiting)\n",
        (POISON,),
    ),
    Mutant(
        "a state is written without its message",
        "mailboxes/gather.py",
        """
            if op.done is not None:
""",
        """
            if op.done is not None and op.saved is None:
""",
        (KILLS,),
    ),
)

QUICK = ("nothing is synced", "a release is charged as an attempt")
"""Tried in every run of the tests."""
