r"""One line of an access log in combined format, taken apart.

::

    192.0.2.7 - amy [01/Mar/2026:10:05:03 +0000] "GET /a HTTP/1.1" 200 512 "-" "Agent \"7\""
    host  ident user             time                 request    status bytes referer agent
"""

import re
from typing import TypedDict


class Record(TypedDict):
    """The fields of one line, texts as they are written there: escapes stay escaped."""

    host: str
    ident: str
    user: str
    time: str
    request: str
    status: int
    bytes: int
    referer: str
    agent: str


# No field can swallow what ends it, so there is little to try twice in a hostile line.
_QUOTED = r'[^"\\]*(?:\\.[^"\\]*)*'
_LINE = re.compile(
    r"(?P<host>\S+) (?P<ident>\S+) (?P<user>[^\[]+) "
    r"\[(?P<time>\d\d/[A-Za-z]{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "
    rf'"(?P<request>{_QUOTED})" (?P<status>\d{{3}}) (?P<bytes>\d{{1,19}}|-) '
    rf'"(?P<referer>{_QUOTED})" "(?P<agent>{_QUOTED})"',
    re.ASCII,
)


def parse_line(line: str) -> Record | None:
    """Return the fields of `line`, or None if it is not a whole line in combined format.

    ``-`` for the bytes, a response without a body, is 0; other fields keep their ``-``.
    """
    match = _LINE.fullmatch(line)
    if match is None:
        return None
    return Record(
        host=match["host"],
        ident=match["ident"],
        user=match["user"],
        time=match["time"],
        request=match["request"],
        status=int(match["status"]),
        bytes=0 if match["bytes"] == "-" else int(match["bytes"]),
        referer=match["referer"],
        agent=match["agent"],
    )
