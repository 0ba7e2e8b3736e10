"""What the names in aplay.toml mean to a set of plugins."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..config import Faulty, Resolved, ResolvedKind, Unresolved
from ..kernel import Address, Mailbox, MailboxSpec
from ..plugins import BAD_STATES, SAFE_MODE, Failure, NotOffered, PluginSet


@dataclass(frozen=True, slots=True)
class Resolver:
    """Tells `plan_tree` what `plugins` offer, loading a class on first need.

    In safe mode every guest is a fault, whether it is there or not: what the code of another
    guest would have offered cannot be known.
    """

    plugins: PluginSet

    def actor(self, use: str) -> Resolved | Faulty | Unresolved:
        """Return the class that `use` means."""
        found = self.plugins.catalog.find(use)
        if isinstance(found, NotOffered):
            missing = Unresolved(found.message, found.hint)
            return Faulty(SAFE_MODE.message) if self._is_safe else missing
        loaded = self.plugins.load_actor(use)
        if isinstance(loaded, Failure) and loaded.type == SAFE_MODE.type:
            return Faulty(loaded.message)
        if isinstance(loaded, Failure):
            return Faulty(f'"{found.id}" cannot be loaded: {loaded.line()}')
        return Resolved(loaded)

    def mailbox(self, kind: str) -> ResolvedKind | Faulty | Unresolved:
        """Return what is known of a kind of mailbox; one that a bad plugin may have is a fault."""
        offers = self.plugins.mailboxes
        if kind in offers:
            return ResolvedKind(offers[kind].record.options)
        if self._is_safe:
            return Faulty(SAFE_MODE.message)
        message = f'no plugin offers the mailbox kind "{kind}"'
        known = f"the kinds here: {', '.join(sorted(offers))}"
        rows = self.plugins.rows()
        bad = [one.id for one in rows if one.door == "plugin" and one.state in BAD_STATES]
        if bad:
            return Faulty(f"{message}; {known}; these are not loaded: {', '.join(bad)}")
        return Unresolved(message, known)

    @property
    def _is_safe(self) -> bool:
        return self.plugins.catalog.settings.safe


def make_mailbox(plugins: PluginSet, address: Address, spec: MailboxSpec) -> Mailbox | None:
    """Make the mailbox of one actor, as the plugin makes it that offers the kind.

    Options that no file states have not been checked: they are put into the kind's model.
    Raises `ValueError` for a kind that nobody offers, and what the plugin raises.
    """
    offer = plugins.mailboxes.get(spec.kind)
    if offer is None:
        known = ", ".join(sorted(plugins.mailboxes))
        raise ValueError(f'mailbox kind of {address}: got "{spec.kind}", want one of {known}')
    model = offer.record.options
    if model is not None and not isinstance(spec.options, model):
        spec = replace(spec, options=model(**(spec.options or {})))
    return offer.record.factory(address, spec)
