import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from logwatch.record import Record, parse_line

LINE = (
    '192.0.2.7 - amy [01/Mar/2026:10:05:03 +0000] "GET /a?b=c HTTP/1.1" 200 512 '
    '"https://example.org/" "Agent/1.0 (X; Y)"'
)
RECORD = Record(
    host="192.0.2.7",
    ident="-",
    user="amy",
    time="01/Mar/2026:10:05:03 +0000",
    request="GET /a?b=c HTTP/1.1",
    status=200,
    bytes=512,
    referer="https://example.org/",
    agent="Agent/1.0 (X; Y)",
)


def parsed(line: str) -> Record:
    record = parse_line(line)
    assert record is not None, line
    return record


def test_whole_line_gives_every_field() -> None:
    assert parsed(LINE) == RECORD


@pytest.mark.parametrize("host", ["2001:db8::1", "crawler-7.example.net", "localhost", "::1"])
def test_host_may_be_a_name_or_of_ip_version_6(host: str) -> None:
    assert parsed(LINE.replace("192.0.2.7", host))["host"] == host


def test_dash_for_bytes_is_0_and_stays_a_dash_elsewhere() -> None:
    line = '192.0.2.7 - - [01/Mar/2026:10:05:03 +0000] "-" 408 - "-" "-"'
    record = parsed(line)
    assert record["bytes"] == 0
    assert record["status"] == 408
    assert {record["request"], record["referer"], record["agent"], record["user"]} == {"-"}


@pytest.mark.parametrize(
    "text", [r"a \"b\" c", "\\\\", r"\"", r"ends \\", "", r"\x16\x03\x01", "é"]
)
def test_quoted_fields_may_hold_escaped_quotes(text: str) -> None:
    assert parsed(LINE.replace(RECORD["request"], text))["request"] == text
    assert parsed(LINE.replace(RECORD["referer"], text))["referer"] == text
    assert parsed(LINE.replace(RECORD["agent"], text))["agent"] == text


def test_user_name_may_hold_spaces() -> None:
    assert parsed(LINE.replace("amy", "amy lee"))["user"] == "amy lee"


@pytest.mark.parametrize("end", range(len(LINE)))
def test_line_cut_off_anywhere_does_not_parse(end: int) -> None:
    assert parse_line(LINE[:end]) is None


@pytest.mark.parametrize(
    "line",
    [
        "",
        "GET / HTTP/1.1",
        f"{LINE} more",
        f" {LINE}",
        f"{LINE}\n",
        LINE.replace(" 200 ", " OK "),
        LINE.replace(" 200 ", " 2000 "),
        LINE.replace(" 512 ", " -1 "),
        LINE.replace(" 512 ", f" {'9' * 5000} "),
        LINE.replace(" 512 ", " \u0665 "),
        LINE.replace("01/Mar/2026", "2026-03-01"),
        LINE.replace("Agent", '"Agent"'),
        LINE.rpartition(' "https')[0],
    ],
)
def test_line_in_another_format_does_not_parse(line: str) -> None:
    assert parse_line(line) is None


@given(st.text())
@example(LINE + "\\")
def test_any_text_parses_or_does_not_but_never_raises(text: str) -> None:
    parse_line(text)
    parse_line(LINE.replace("GET", text))


QUOTED = st.lists(st.sampled_from(["a", " ", "[", "]", '\\"', "\\\\", "é", "/"])).map("".join)


@given(
    host=st.sampled_from(["192.0.2.7", "2001:db8::1", "www.example.org"]),
    request=QUOTED,
    status=st.integers(100, 599),
    size=st.one_of(st.none(), st.integers(0, 10**15)),
    referer=QUOTED,
    agent=QUOTED,
)
def test_fields_put_together_come_apart_again(
    host: str, request: str, status: int, size: int | None, referer: str, agent: str
) -> None:
    sent = "-" if size is None else size
    time = "01/Mar/2026:10:05:03 +0000"
    line = f'{host} - - [{time}] "{request}" {status} {sent} "{referer}" "{agent}"'
    assert parsed(line) == Record(
        host=host,
        ident="-",
        user="-",
        time=time,
        request=request,
        status=status,
        bytes=size or 0,
        referer=referer,
        agent=agent,
    )


@pytest.mark.parametrize(
    "hostile",
    [
        "a" * 200_000,
        "a b " + "c [" * 50_000,
        LINE.partition('"')[0] + '"' + "\\" * 200_000,
        LINE.partition('"')[0] + '"" ' * 50_000,
        ("x y z [01/Mar/2026:10:05:03 +0000] " * 5_000),
    ],
    ids=["one word", "brackets", "backslashes", "quotes", "times"],
)
def test_hostile_line_is_refused_quickly(hostile: str) -> None:
    begun = time.perf_counter()
    assert parse_line(hostile) is None
    assert time.perf_counter() - begun < 1.0, "milliseconds if linear, minutes if not"
