"""Each rule of the contract finds the fault that it is there for."""

from __future__ import annotations

from typing import Any

import pytest

from aplay_host.testing import FaultMailbox
from aplay_host.testing.mail_contract import MailContract

from . import planted
from .planted import InMemory, WithFaults

CAUGHT = {
    "NewestFirst": "messages_come_in_the_order_in_which_they_were_put",
    "NeverKept": "put_may_be_awaited_or_left_alone",
    "RequestsFirst": "requests_and_ticks_keep_their_place_between_messages",
    "RequestsWaitForMail": "a_request_alone_comes_at_once",
    "SendsEqualsOnce": "equal_messages_are_all_delivered",
    "DeliversUnasked": "nothing_is_delivered_that_was_not_demanded",
    "ForgetsCredit": "credit_waits_for_messages",
    "OneAtATime": "more_is_delivered_before_what_came_is_settled",
    "CountsWhatWaits": "depth_counts_what_is_not_settled_but_for_ticks",
    "TriesRequestsAgain": "what_was_not_kept_is_final_however_it_ended",
    "NeverDone": "a_handled_message_is_final",
    "ReadsErrors": "settle_never_raises_and_a_message_takes_room_until_it_is_over",
    "GivesUpWhatIsOver": "a_closed_box_gives_up_nothing_that_was_settled",
    "KeepsMailOfTheRemoved": "a_box_whose_actor_is_removed_gives_up_what_waits_in_order",
    "TellsNobodyOfAFailure": "a_put_that_fails_is_told_and_takes_no_room",
    "FailsInSilence": "a_box_that_could_not_deliver_says_so_and_goes_on_when_asked_anew",
    "LosesMailThatFails": "a_box_that_could_not_deliver_says_so_and_goes_on_when_asked_anew",
    "SaysNothingOfLasting": "it_says_that_it_is_durable",
    "FindsWhatWasPut": "what_is_put_before_it_opens_is_kept_and_not_counted_as_found",
    "ForgetsTheReleased": "what_was_not_settled_is_found_in_order_and_nothing_else",
    "NewBeforeOld": "what_was_found_comes_before_what_is_new",
    "FoundIsFree": "found_mail_counts_as_not_settled",
    "KeepsRequests": "requests_and_ticks_are_gone_at_the_next_start",
    "HandsOutTheOriginal": "what_is_handled_is_what_was_told_and_not_what_became_of_it",
    "TakesAnything": "what_cannot_be_kept_is_refused_at_once_and_takes_no_room",
    "ChargesReleases": "being_released_is_never_an_attempt",
    "ConfirmsBeforeTheCommit": "what_put_waited_for_survives_a_kill",
    "DeafAfterItsEnd": "what_is_put_after_its_end_is_kept_for_the_next_start",
    "DoneBeforeTheHandler": "what_is_settled_is_over_only_when_it_was",
    "ForgetsSettles": "what_was_settled_before_the_end_is_over_after_a_kill",
    "StandsAlone": "boxes_of_one_store_say_so",
    "BeginsAtSeven": "the_state_is_a_new_one_where_there_is_none",
    "LeavesTheStateOut": "message_state_and_sends_are_there_as_a_whole",
    "SendsBeforeTheCommit": "nothing_of_a_turn_is_there_without_the_rest",
    "SendsDrafts": "what_was_drafted_and_not_sent_is_nowhere",
    "SendsPassOthers": "a_send_comes_in_its_place_after_the_turn",
    "RecallsWhatIsCommitted": "the_newest_state_is_recalled_anew_before_it_is_committed",
    "WritesEqualStates": "a_state_that_is_kept_already_is_nothing_to_write",
    "TurnsOfMessagesOnly": "a_turn_of_what_was_never_put_is_committed_as_well",
    "TellsOfWritesOnly": "the_end_is_told_without_state_and_sends_too",
    "DraftsAnything": "a_draft_that_cannot_be_kept_is_refused_as_a_put_is",
    "KeepsTheStateOfTheRemoved": "the_state_of_a_removed_actor_is_gone",
}
SEEN_BY_ACTORS = {
    "NewestFirst": "mail_is_handled_in_the_order_in_which_it_was_sent",
    "CountsNothing": "a_full_mailbox_refuses_and_loses_nothing_of_what_it_took",
    "ConfirmsTheFirstOnly": "senders_who_wait_for_room_come_in_their_order",
    "LosesWhatNobodyWants": "an_actor_that_is_stopped_keeps_its_mail",
    "BuriesWhatFails": "a_message_that_fails_leaves_order_and_account_to_the_others",
    "TriesRequestsAsMessages": "who_asks_for_what_fails_gets_the_error_and_no_second_try",
    "GivesUpTwice": "the_mail_of_a_removed_actor_is_dead",
}
RULES = (*CAUGHT.items(), *SEEN_BY_ACTORS.items())
FINDINGS = (AssertionError, TimeoutError, pytest.fail.Exception, RuntimeError)
"""What a test of the contract raises for a box that is not sound; `ReadsErrors` raises itself."""


class TestSound(InMemory):
    """Without a fault there is nothing to find."""


class TestSoundWithFaults(WithFaults):
    """Nor is there here."""


def contract_of(fault: str) -> MailContract:
    box = getattr(planted, fault)
    contract: Any = WithFaults if issubclass(box, FaultMailbox) else InMemory
    sound: MailContract = contract()
    vars(sound)["box"] = type(fault, (box,), {"prefetch": 0})
    return sound


@pytest.mark.parametrize(("fault", "rule"), RULES)
async def test_a_box_with_this_fault_is_found(fault: str, rule: str) -> None:
    with pytest.raises(FINDINGS):
        await getattr(contract_of(fault), f"test_{rule}")()


def test_there_is_a_fault_for_every_rule() -> None:
    rules = {name for name in dir(InMemory) if name.startswith("test_")}
    assert {f"test_{rule}" for _, rule in RULES} == rules
