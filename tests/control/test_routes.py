"""The control API over a real socket: what each route asks of the host, and every refusal."""

from __future__ import annotations

import json
import logging
import os
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.routing import Match, Route

from aplay_host.cli.main import VERBS
from aplay_host.cli.verbs.config import VERBS as CONFIG_VERBS
from aplay_host.cli.verbs.dead import VERBS as DEAD_VERBS
from aplay_host.cli.verbs.mail import VERBS as MAIL_VERBS
from aplay_host.cli.verbs.plugins import VERBS as PLUGINS_VERBS
from aplay_host.control import ControlApi, ControlPort, LetterChoice, Who
from aplay_host.control.order import LONGEST_REASON
from aplay_host.control.routes import DEFAULT_WAIT, LARGEST_BODY, LONGEST_WAIT, _admit
from aplay_host.errors import CommandError

from .wire import FakePort, refused

if TYPE_CHECKING:
    from tests.control.conftest import Api

LOCAL = {"serve", "check", "completion", "plugins check", "config schema"}
ROUTES = {
    "status": {"GET /v1/actors"},
    "tree": {"GET /v1/tree"},
    "show": {"GET /v1/actors/{address:path}"},
    "send": {"POST /v1/actors:send"},
    "ask": {"POST /v1/actors:ask"},
    "start": {"POST /v1/actors:start"},
    "stop": {"POST /v1/actors:stop"},
    "restart": {"POST /v1/actors:restart"},
    "reload": {"POST /v1/reload"},
    "rollback": {"POST /v1/rollback"},
    "config show": {"GET /v1/config"},
    "plugins list": {"GET /v1/plugins"},
    "plugins show": {"GET /v1/plugins/{name:path}"},
    "dead list": {"GET /v1/dead"},
    "dead show": {"GET /v1/dead/{id}"},
    "dead replay": {"POST /v1/dead:replay"},
    "dead drop": {"POST /v1/dead:drop"},
    "mail list": {"GET /v1/mail"},
    "mail peek": {"GET /v1/mail/{address:path}"},
    "mail backup": {"POST /v1/mail/backup"},
    "events": {"GET /v1/events"},
    "health": {"GET /livez", "GET /readyz", "GET /startupz"},
}


def body(**fields: Any) -> bytes:
    return json.dumps(fields).encode()


# ---- what is there -------------------------------------------------------------------------


def test_every_verb_has_a_route_and_every_route_a_verb() -> None:
    verbs = set(VERBS) - {"plugins", "dead", "mail", "config"} | {
        f"plugins {verb}" for verb in PLUGINS_VERBS
    }
    verbs |= {f"dead {verb}" for verb in DEAD_VERBS}
    verbs |= {f"mail {verb}" for verb in MAIL_VERBS}
    verbs |= {f"config {verb}" for verb in CONFIG_VERBS}
    routes = {route.name for route in ControlApi(FakePort()).app().routes if type(route) is Route}
    assert verbs - LOCAL == set(ROUTES)
    assert routes == set.union({"GET /v1/host", "GET /metrics"}, *ROUTES.values())


def test_whatever_the_port_can_do_has_a_route_and_nothing_else_has() -> None:
    can = {name for name in vars(ControlPort) if not name.startswith("_")}
    does = {"actors": "status", "plugin": "plugins show", "plugins": "plugins list"}
    does |= {"dead": "dead list", "letter": "dead show", "config": "config show"}
    does |= {verb: f"dead {verb}" for verb in ("replay", "drop")}
    does |= {"mail": "mail list", "peek": "mail peek", "backup": "mail backup"}
    probes = {"live", "ready", "started", "metrics"}
    assert {does.get(name, name) for name in can - probes - {"host"}} == set(ROUTES) - {"health"}
    assert can >= probes


NAMES = st.text(alphabet=st.characters(codec="latin-1"), min_size=1, max_size=40)


@given(
    st.lists(
        NAMES | st.sampled_from(("..", "v1", "actors:", "__class__", "port", "app")), max_size=5
    )
)
def test_a_path_that_is_not_in_the_table_leads_nowhere(parts: list[str]) -> None:
    routes = [it for it in ControlApi(FakePort()).app().routes if isinstance(it, Route)]
    path = "/" + "/".join(parts)
    scope = {"type": "http", "method": "GET", "path": path, "root_path": ""}
    found = {it.name for it in routes if it.matches(scope)[0] is Match.FULL}
    allowed = {it.name for it in routes if path == it.path}
    for prefix in ("/v1/actors/", "/v1/plugins/", "/v1/mail/"):
        if path.startswith(prefix):
            allowed |= {it.name for it in routes if it.path.startswith(f"{prefix}{{")}
    assert found <= allowed


@pytest.mark.parametrize(
    ("target", "schema", "asked"),
    [
        ("/v1/host", "aplay.host/1", []),
        ("/v1/actors", "aplay.status/1", [("actors", [])]),
        ("/v1/actors?address=/a&address=/b/*", "aplay.status/1", [("actors", ["/a", "/b/*"])]),
        ("/v1/actors/a/b-c.d_e", "aplay.show/1", [("show", "/a/b-c.d_e")]),
        ("/v1/actors//a", "aplay.show/1", [("show", "//a")]),
        ("/v1/actors/a/", "aplay.show/1", [("show", "/a/")]),
        ("/v1/actors/", "aplay.show/1", [("show", "/")]),
        ("/v1/actors/w/%2A", "aplay.show/1", [("show", "/w/*")]),
        ("/v1/actors/a%3Fb%20c?address=/x", "aplay.show/1", [("show", "/a?b c")]),
        ("/v1/tree", "aplay.tree/1", [("tree", "/")]),
        ("/v1/tree?root=%2Fa", "aplay.tree/1", [("tree", "/a")]),
        ("/v1/plugins", "aplay.plugins.list/1", [("plugins",)]),
        ("/v1/plugins/acme/x", "aplay.plugins.show/1", [("plugin", "acme/x")]),
        ("/v1/plugins/acme", "aplay.plugins.show/1", [("plugin", "acme")]),
        ("/v1/dead", "aplay.dead.list/1", [("dead", LetterChoice(), None)]),
        (
            "/v1/dead?cause=full&address=/a/*&limit=2",
            "aplay.dead.list/1",
            [("dead", LetterChoice((), "full", "/a/*"), 2)],
        ),
        ("/v1/dead/m1", "aplay.dead.show/1", [("letter", "m1")]),
        ("/v1/mail", "aplay.mail.list/1", [("mail",)]),
        ("/v1/mail/a/b", "aplay.mail.peek/1", [("peek", "/a/b", 10, False)]),
        ("/v1/mail/a?n=3&body=1", "aplay.mail.peek/1", [("peek", "/a", 3, True)]),
        ("/v1/mail/a?n=99999&body=0", "aplay.mail.peek/1", [("peek", "/a", 1000, False)]),
        ("/v1/mail/backup", "aplay.mail.peek/1", [("peek", "/backup", 10, False)]),
        ("/v1/config", "aplay.config.show/1", [("config",)]),
        ("/livez", "aplay.health/1", []),
        ("/readyz", "aplay.health/1", []),
        ("/startupz", "aplay.health/1", []),
    ],
)
async def test_a_look_is_answered_in_the_envelope(
    api: Api, target: str, schema: str, asked: list[Any]
) -> None:
    got = await api.get(target)
    assert got.status == 200
    assert got.headers["content-type"] == "application/json"
    assert got.headers["aplay-api"] == "1.0"
    assert got.document["schema"] == schema
    assert got.document["host"]["name"] == "fake"
    assert api.port.asked == asked


async def test_show_answers_with_the_row_and_what_more_there_is(api: Api) -> None:
    got = (await api.get("/v1/actors/a")).document["data"]
    row = (await api.get("/v1/actors")).document["data"][0]
    more = {
        "why": [{"rule": "otherwise", "text": "runs for 4 s", "next": None}],
        "options": [],
        "source": None,
        "in_hand_now": [],
        "restart_history": [],
        "next_restart": None,
        "timers": [],
        "watchers": [],
        "retry": None,
    }
    assert got == row | more


async def test_send_hands_over_addresses_message_and_time(api: Api) -> None:
    got = await api.post("/v1/actors:send", body(addresses=["/a", "/b"], message=None, timeout_s=2))
    assert got.document["schema"] == "aplay.send/1"
    assert got.document["data"] == {
        "accepted": 1,
        "results": [{"address": "/a", "ok": True, "message_id": None, "problem": None}],
    }
    assert api.port.asked == [("send", ["/a", "/b"], None)]
    assert api.port.orders[0].wait_s == 2.0


async def test_ask_hands_over_one_address_and_answers_with_the_reply(api: Api) -> None:
    api.port.reply = {"n": [1, "é"]}
    got = await api.post("/v1/actors:ask", body(addresses=["/a"], message={"get": 1}))
    assert got.document["data"] == {"address": "/a", "reply": {"n": [1, "é"]}, "took_s": 0.1}
    assert api.port.asked == [("ask", "/a", {"get": 1})]
    assert api.port.orders[0].wait_s == DEFAULT_WAIT


@pytest.mark.parametrize("given", [1e300, float("inf"), 10**400])
async def test_no_wait_is_longer_than_a_day(api: Api, given: float) -> None:
    await api.post("/v1/actors:ask", body(addresses=["/a"], message=1, timeout_s=given))
    assert api.port.orders[0].wait_s == LONGEST_WAIT


@pytest.mark.parametrize("target", ["/livez", "/readyz", "/startupz"])
@pytest.mark.parametrize(("status", "code"), [("ok", 200), ("degraded", 200), ("not ready", 503)])
async def test_a_probe_answers_503_only_when_it_is_not_ready(
    api: Api, target: str, status: str, code: int
) -> None:
    api.port.status = status
    got = await api.get(target)
    assert got.status == code
    assert got.document["data"]["status"] == status


# ---- what is refused -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/v1",
        "/v2/actors",
        "/v1/tree/",
        "/v1/actorsa",
        "/v1/__class__",
        "/v1/port",
        "/v1/actors:stop",
        "/v1/../livez",
        "/%2e%2e/livez",
    ],
)
async def test_an_unknown_path_is_a_problem(api: Api, target: str) -> None:
    got = await api.get(target)
    assert got.status == 404
    assert got.problem == "no-such-route"
    assert api.port.asked == []


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("POST", "/v1/actors"),
        ("DELETE", "/v1/actors"),
        ("POST", "/v1/actors/a"),
        ("PUT", "/v1/host"),
        ("GET", "/v1/actors:ask"),
        ("GET", "/v1/actors:send"),
        ("OPTIONS", "/livez"),
    ],
)
async def test_a_wrong_method_is_a_problem(api: Api, method: str, target: str) -> None:
    from .wire import call

    got = await call(api.path, method, target)
    assert got.status == 404
    assert got.problem == "no-such-route"
    assert method in got.document["detail"]
    assert api.port.asked == []


GOOD = b'"addresses": ["/a"], "message": 1'


@pytest.mark.parametrize("target", ["/v1/actors:send", "/v1/actors:ask"])
@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"", "the body is no JSON"),
        (b"{", "the body is no JSON"),
        (b'{"message": "\xff"}', "the body is no JSON"),
        (b"[" * 200_000, "the body is no JSON"),
        (b"[1]", "the body is list, want an object"),
        (b"null", "the body is NoneType, want an object"),
        (b'{"message": 1}', '"addresses": got None'),
        (b'{"addresses": "/a", "message": 1}', "\"addresses\": got '/a'"),
        (b'{"addresses": [1], "message": 1}', '"addresses": got [1]'),
        (b'{"addresses": ["/a"]}', 'the body has no "message"'),
        (b"{" + GOOD + b', "timeout_s": 0}', '"timeout_s": got 0'),
        (b"{" + GOOD + b', "timeout_s": -1}', '"timeout_s": got -1'),
        (b"{" + GOOD + b', "timeout_s": true}', '"timeout_s": got True'),
        (b"{" + GOOD + b', "timeout_s": "5"}', "\"timeout_s\": got '5'"),
        (b"{" + GOOD + b', "timeout_s": NaN}', '"timeout_s": got nan'),
    ],
)
async def test_a_body_that_says_nothing_usable_is_a_bad_request(
    api: Api, target: str, sent: bytes, told: str
) -> None:
    got = await api.post(target, sent)
    assert got.status == 400
    assert got.problem == "bad-request"
    assert told in got.document["detail"]
    assert api.port.asked == []


@pytest.mark.parametrize("addresses", [[], ["/a", "/b"]])
async def test_ask_wants_exactly_one_address(api: Api, addresses: list[str]) -> None:
    got = await api.post("/v1/actors:ask", body(addresses=addresses, message=1))
    assert got.problem == "bad-request"


async def test_a_body_over_one_mebibyte_is_too_large(api: Api) -> None:
    fits = body(addresses=["/a"], message="").replace(b'""', b'"%s"')
    fits %= b"x" * (LARGEST_BODY - len(fits) + 2)
    assert (await api.post("/v1/actors:send", fits)).status == 200
    got = await api.post("/v1/actors:send", fits + b" ")
    assert got.status == 413
    assert got.problem == "too-large"
    assert len(api.port.asked) == 1


@pytest.mark.parametrize("version", ["1", "1.7", "1.0"])
async def test_a_client_of_our_major_version_is_served(api: Api, version: str) -> None:
    assert (await api.get("/v1/actors", f"Aplay-Api: {version}")).status == 200


@pytest.mark.parametrize("version", ["2.0", "0.9", "10", "nonsense"])
async def test_a_client_of_another_major_version_is_told_both(api: Api, version: str) -> None:
    got = await api.get("/v1/actors", f"Aplay-Api: {version}")
    assert got.status == 400
    assert got.problem == "api-version"
    assert version in got.document["detail"]
    assert "1.0" in got.document["detail"]
    assert api.port.asked == []


@pytest.mark.parametrize("state", [{}, {"admitted": False}])
def test_whom_the_listener_has_not_admitted_is_refused(state: dict[str, bool]) -> None:
    scope = {"type": "http", "headers": [], "client": ("127.0.0.1", 80), "state": state}
    with pytest.raises(CommandError, match=r"127\.0\.0\.1 may not steer this host") as caught:
        _admit(Request(scope))
    assert caught.value.kind.name == "forbidden"


# ---- what the host says --------------------------------------------------------------------


async def test_what_the_host_refuses_is_a_problem_with_its_status(api: Api) -> None:
    api.port.fails = refused()
    got = await api.get("/v1/actors")
    assert got.status == 404
    assert got.problem == "no-such-actor"
    assert got.document["address"] == "/a"
    assert got.document["hint"] == "look"


async def test_a_mistake_of_the_host_is_internal_and_logged_once(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    api.port.fails = LookupError("lost it")
    with caplog.at_level(logging.WARNING):
        got = await api.get("/v1/actors")
    assert got.status == 500
    assert got.problem == "internal"
    assert "LookupError: lost it" in got.document["detail"]
    assert [record.getMessage() for record in caplog.records] == ["control API: GET /v1/actors"]
    assert caplog.records[0].exc_info is not None


async def test_an_answer_that_is_no_json_is_a_mistake_of_the_host(api: Api) -> None:
    api.port.reply = object()
    got = await api.post("/v1/actors:ask", body(addresses=["/a"], message=1))
    assert got.problem == "internal"


@pytest.mark.parametrize("verb", ["start", "stop", "restart"])
async def test_a_verb_reaches_the_port_with_its_actors_and_its_time(api: Api, verb: str) -> None:
    got = await api.post(f"/v1/actors:{verb}", body(addresses=["/a", "/b/*"], wait_s=3))
    assert got.document["schema"] == f"aplay.{verb}/1"
    assert api.port.asked == [(verb, ["/a", "/b/*"])]
    assert api.port.orders[0].wait_s == 3.0


@pytest.mark.parametrize(
    ("target", "fields"),
    [
        ("/v1/actors:send", {"addresses": ["/a"], "message": 1}),
        ("/v1/actors:ask", {"addresses": ["/a"], "message": 1}),
        ("/v1/actors:start", {"addresses": ["/a"]}),
        ("/v1/actors:stop", {"addresses": ["/a"]}),
        ("/v1/actors:restart", {"addresses": ["/a"]}),
        ("/v1/reload", {"plugins": []}),
        ("/v1/rollback", {}),
        ("/v1/dead:replay", {"ids": ["m1"]}),
        ("/v1/dead:drop", {"ids": ["m1"]}),
    ],
)
async def test_what_acts_comes_with_who_the_socket_says_they_are_and_their_reason(
    api: Api, target: str, fields: dict[str, Any]
) -> None:
    reasons: list[Any] = ["the disk is full", None, ""]
    for reason in reasons:
        assert (await api.post(target, body(reason=reason, **fields))).status == 200
    assert (await api.post(target, body(**fields))).status == 200
    me = Who("peer", os.geteuid(), os.getpid())
    assert {order.who for order in api.port.orders} == {me}
    assert [order.reason for order in api.port.orders] == ["the disk is full", None, None, None]
    bad: list[Any] = [1, ["x"], "x" * (LONGEST_REASON + 1)]
    for reason in bad:
        got = await api.post(target, body(reason=reason, **fields))
        assert (got.problem, '"reason": got' in got.document["detail"]) == ("bad-request", True)


async def test_no_wait_at_all_is_a_wait_of_zero_and_less_is_refused(api: Api) -> None:
    assert (await api.post("/v1/actors:stop", body(addresses=["/a"], wait_s=0))).status == 200
    assert api.port.orders[0].wait_s == 0.0
    for wait in (-1, float("nan"), True, "1", None):
        got = await api.post("/v1/actors:stop", body(addresses=["/a"], wait_s=wait))
        assert got.problem == "bad-request"


# ---- reloading -----------------------------------------------------------------------------


async def test_a_reload_answers_with_its_report(api: Api) -> None:
    got = await api.post("/v1/reload", body(plugins=["acme"], dry_run=True))
    assert (got.status, got.document["schema"]) == (200, "aplay.reload/1")
    assert got.document["data"]["outcome"] == "nothing"
    assert api.port.asked == [("reload", ["acme"], False, True)]


@pytest.mark.parametrize("fields", [{}, {"plugins": "acme"}, {"plugins": [], "dry_run": 1}])
async def test_a_reload_that_cannot_be_understood_is_a_problem(
    api: Api, fields: dict[str, Any]
) -> None:
    got = await api.post("/v1/reload", body(**fields))
    assert (got.status, got.problem, api.port.asked) == (400, "bad-request", [])


async def test_a_rollback_answers_with_its_report(api: Api) -> None:
    got = await api.post("/v1/rollback", body(dry_run=True))
    assert (got.status, got.document["schema"]) == (200, "aplay.rollback/1")
    assert api.port.asked == [("rollback", True)]


# ---- durable mail --------------------------------------------------------------------------


async def test_a_list_of_mail_is_told_in_parts(api: Api) -> None:
    api.port.names = "abc"
    got = (await api.get("/v1/mail?limit=2")).document
    assert ([row["address"] for row in got["data"]], got["next"]) == (["/a", "/b"], "/c")
    rest = (await api.get("/v1/mail?from=/c")).document
    assert rest["data"] == [
        {"address": "/c", "messages": 1, "bytes": 20, "oldest_s": 0.5}
        | {"retrying": 0, "has_actor": True}
    ]


@pytest.mark.parametrize("query", ["n=0", "n=x", "body=yes", "n=-1"])
async def test_a_look_into_a_mailbox_wants_numbers(api: Api, query: str) -> None:
    assert (await api.get(f"/v1/mail/a?{query}")).problem == "bad-request"


async def test_a_backup_hands_over_where_to(api: Api) -> None:
    got = await api.post("/v1/mail/backup", body(path="/tmp/x.db", reason="nightly"))
    assert got.document["schema"] == "aplay.mail.backup/1"
    assert got.document["data"] == {"path": "/tmp/x.db", "bytes": 4096}
    assert api.port.asked == [("backup", "/tmp/x.db")]
    assert api.port.orders[0].reason == "nightly"


@pytest.mark.parametrize("fields", [{}, {"path": ""}, {"path": 5}])
async def test_a_backup_to_nowhere_is_a_bad_request(api: Api, fields: dict[str, Any]) -> None:
    assert (await api.post("/v1/mail/backup", body(**fields))).problem == "bad-request"
    assert api.port.asked == []


# ---- dead letters --------------------------------------------------------------------------


async def test_a_list_that_is_cut_says_where_it_goes_on(api: Api) -> None:
    got = (await api.get("/v1/dead?limit=1")).document
    assert ([row["id"] for row in got["data"]], got["next"]) == (["m1"], "m2")


@pytest.mark.parametrize("limit", ["0", "-1", "x", "", "9" * 5000, "%D9%A3"])
@pytest.mark.parametrize("path", ["/v1/dead", "/v1/actors", "/v1/events"])
async def test_a_limit_is_a_number_from_1(api: Api, path: str, limit: str) -> None:
    assert (await api.get(f"{path}?limit={limit}")).problem == "bad-request"


async def test_a_replay_hands_over_which_letters_how_fast_and_how_long(api: Api) -> None:
    given = body(ids=["m1"], to="/b", rate=10, timeout_s=2)
    got = await api.post("/v1/dead:replay", given)
    assert got.document["schema"] == "aplay.dead.replay/1"
    assert got.document["data"] == {"matched": 1, "done": 1, "failed": []}
    assert api.port.asked == [("replay", LetterChoice(("m1",)), "/b", 10.0)]
    assert api.port.orders[0].wait_s == 2.0


async def test_a_drop_hands_over_which_letters(api: Api) -> None:
    got = await api.post("/v1/dead:drop", body(cause="full", address="/a"))
    assert got.document["schema"] == "aplay.dead.drop/1"
    assert api.port.asked == [("drop", LetterChoice((), "full", "/a"))]


@pytest.mark.parametrize("verb", ["replay", "drop"])
@pytest.mark.parametrize(
    "fields", [{}, {"ids": []}, {"ids": "m1"}, {"ids": ["m1"], "cause": "full"}, {"cause": 1}]
)
async def test_it_has_to_be_said_which_letters_are_meant(
    api: Api, verb: str, fields: dict[str, Any]
) -> None:
    got = await api.post(f"/v1/dead:{verb}", body(**fields))
    assert (got.status, got.problem, api.port.asked) == (400, "bad-request", [])


@pytest.mark.parametrize("rate", [0, -1, True, "1", float("nan")])
async def test_a_rate_is_a_number_above_0(api: Api, rate: object) -> None:
    got = await api.post("/v1/dead:replay", body(ids=["m1"], rate=rate))
    assert (got.problem, api.port.asked) == ("bad-request", [])
