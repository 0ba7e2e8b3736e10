from hypothesis import given
from hypothesis import strategies as st
from logwatch.totals import MOST_HOSTS, Totals


def test_nothing_counted_is_all_zero() -> None:
    assert Totals().report() == {"lines": 0, "bad": 0, "bytes": 0, "status": {}, "hosts": []}


def test_lines_counts_good_and_bad() -> None:
    totals = Totals()
    totals.add("192.0.2.7", 200, 512)
    totals.add("192.0.2.8", 404, 0)
    totals.add("192.0.2.7", 200, 1)
    totals.add_bad()
    assert totals.report() == {
        "lines": 4,
        "bad": 1,
        "bytes": 513,
        "status": {"200": 2, "404": 1},
        "hosts": [["192.0.2.7", 2], ["192.0.2.8", 1]],
    }


def test_status_codes_are_texts_in_order() -> None:
    totals = Totals()
    for status in (404, 200, 99, 301):
        totals.add("192.0.2.7", status, 0)
    assert list(totals.report()["status"]) == ["99", "200", "301", "404"]


def test_busiest_hosts_come_first_and_equals_by_name() -> None:
    totals = Totals()
    for host in ("c", "a", "b", "b"):
        totals.add(host, 200, 0)
    assert totals.report()["hosts"] == [["b", 2], ["a", 1], ["c", 1]]


def test_report_names_ten_hosts_at_most() -> None:
    totals = Totals()
    for number in range(30):
        totals.add(f"host-{number:02}", 200, 0)
    assert [host for host, _ in totals.report()["hosts"]] == [
        f"host-{number:02}" for number in range(MOST_HOSTS)
    ]


@given(st.lists(st.tuples(st.sampled_from("abcdefghijklm"), st.sampled_from([200, 304, 404]))))
def test_sums_agree_whatever_is_counted(lines: list[tuple[str, int]]) -> None:
    totals = Totals()
    for host, status in lines:
        totals.add(host, status, 10)
    report = totals.report()
    assert report["lines"] == sum(report["status"].values()) == len(lines)
    assert report["bytes"] == 10 * len(lines)
