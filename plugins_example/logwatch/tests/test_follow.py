import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logwatch.follow import BLOCK, LONGEST, MOST, QUIET, Follower
from logwatch.place import Place, Reading


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def follower(path: Path) -> Iterator[Follower]:
    follower = Follower(path)
    yield follower
    follower.close()


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def read_on(follower: Follower, now: float = 0.0) -> list[str]:
    """Read until there is no more for now."""
    lines: list[str] = []
    at_end = False
    while not at_end:
        reading = follower.read(now)
        lines += texts(reading)
        at_end = reading.at_end
    return lines


def texts(reading: Reading) -> list[str]:
    return [line for line, _ in reading.lines]


def lines_of(content: bytes) -> list[str]:
    """Say in the plainest way which lines a whole file holds."""
    *lines, rest = content.split(b"\n")
    whole = [*lines, rest] if rest else lines
    return [line.removesuffix(b"\r").decode("utf-8", "replace") for line in whole]


# What is appended


def test_lines_come_once_in_order_without_their_ends(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\ntwo\r\n\nfour\n")
    assert read_on(follower) == ["one", "two", "", "four"]
    append(path, b"five\n")
    assert read_on(follower) == ["five"]
    assert read_on(follower) == []


def test_half_written_line_waits_for_its_end(path: Path, follower: Follower) -> None:
    path.write_bytes(b"whole\nha")
    assert read_on(follower) == ["whole"]
    append(path, b"lf\n")
    assert read_on(follower) == ["half"]


def test_bytes_that_are_not_utf8_lose_no_line(path: Path, follower: Follower) -> None:
    path.write_bytes(b"caf\xc3\xa9\n\xff\xfe\x00\nplain\n")
    assert read_on(follower) == ["café", "\ufffd\ufffd\x00", "plain"]


def test_one_read_takes_one_block_at_most(path: Path, follower: Follower) -> None:
    path.write_bytes(b"x" * 99 + b"\n")
    append(path, (b"x" * 99 + b"\n") * 2000)
    sizes = []
    while not (reading := follower.read(0.0)).at_end:
        sizes.append(sum(len(line) + 1 for line in texts(reading)))
    assert sum(sizes) == 200_100
    assert max(sizes) <= BLOCK + 100
    assert len(sizes) == 200_100 // BLOCK + 1


def test_endless_line_is_given_in_pieces(path: Path, follower: Follower) -> None:
    path.write_bytes(b"x" * (3 * LONGEST) + b"\nnext\n")
    *pieces, last = read_on(follower)
    assert last == "next"
    assert len("".join(pieces)) == 3 * LONGEST
    assert max(map(len, pieces)) <= LONGEST + BLOCK


@given(
    chunks=st.lists(
        st.one_of(
            st.binary(max_size=40),
            st.text(alphabet="a\n\ré€", max_size=12).map(str.encode),
        ),
        max_size=12,
    )
)
def test_any_bytes_in_any_chunks_give_the_lines_of_the_whole(
    tmp_path_factory: pytest.TempPathFactory, chunks: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("follow") / "log"
    path.touch()
    follower = Follower(path)
    given_lines: list[str] = []
    for chunk in chunks:
        append(path, chunk)
        given_lines += read_on(follower)
    given_lines += texts(follower.finish())
    follower.close()
    assert given_lines == lines_of(b"".join(chunks))


# A last line without an end


def test_unterminated_last_line_counts_after_quiet_time(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\ncut o")
    assert read_on(follower, now=10.0) == ["one"]
    assert read_on(follower, now=10.0 + QUIET - 0.1) == []
    assert read_on(follower, now=10.0 + QUIET) == ["cut o"]
    assert read_on(follower, now=99.0) == []


def test_growth_begins_the_quiet_time_anew(path: Path, follower: Follower) -> None:
    path.write_bytes(b"a")
    assert read_on(follower, now=0.0) == []
    append(path, b"b")
    assert read_on(follower, now=QUIET) == []
    assert read_on(follower, now=QUIET + 1) == []
    assert read_on(follower, now=QUIET * 2) == ["ab"]


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
def test_late_line_end_of_a_line_given_early_is_no_empty_line(
    path: Path, follower: Follower, end: bytes
) -> None:
    path.write_bytes(b"one")
    assert read_on(follower) == []
    assert read_on(follower, now=QUIET) == ["one"]
    append(path, end)
    assert read_on(follower, now=QUIET) == []
    append(path, b"\ntwo\n")
    assert read_on(follower, now=QUIET) == ["", "two"], "a real empty line is one"


def test_late_rest_of_a_line_given_early_is_not_lost(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one ")
    read_on(follower)
    assert read_on(follower, now=QUIET) == ["one "]
    append(path, b"and more\ntwo\n")
    assert read_on(follower, now=QUIET) == ["and more", "two"]


# Rotation


def rotate(path: Path) -> Path:
    return path.rename(path.with_suffix(".1"))


def test_rest_of_a_rotated_file_comes_before_the_new_one(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\n")
    assert read_on(follower) == ["one"]
    append(path, b"two\n")
    append(rotate(path), b"three\n")
    path.write_bytes(b"four\n")
    assert read_on(follower) == ["two", "three", "four"]
    append(path, b"five\n")
    assert read_on(follower) == ["five"]


def test_old_file_is_read_on_while_the_new_one_is_empty(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\n")
    read_on(follower)
    old = rotate(path)
    path.touch()
    assert read_on(follower) == []
    append(old, b"two\n")
    assert read_on(follower) == ["two"]
    append(path, b"three\n")
    assert read_on(follower) == ["three"]


def test_line_written_between_a_read_and_the_rotation_is_not_lost(
    path: Path, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"one\n")
    assert read_on(follower) == ["one"]
    pread = os.pread

    def read_then_rotate(fd: int, size: int, offset: int) -> bytes:
        found = pread(fd, size, offset)
        monkeypatch.undo()
        append(path, b"two\n")
        rotate(path)
        path.write_bytes(b"three\n")
        return found

    monkeypatch.setattr(os, "pread", read_then_rotate)
    assert read_on(follower) == []
    assert read_on(follower) == ["two", "three"]


def test_new_file_with_the_same_content_is_read_again(path: Path, follower: Follower) -> None:
    path.write_bytes(b"same\n")
    assert read_on(follower) == ["same"]
    rotate(path)
    path.write_bytes(b"same\n")
    assert read_on(follower) == ["same"]


def test_unterminated_line_is_given_when_its_file_is_rotated_away(
    path: Path, follower: Follower
) -> None:
    path.write_bytes(b"cut o")
    assert read_on(follower) == []
    rotate(path)
    path.write_bytes(b"\nnew\n")
    assert read_on(follower) == ["cut o", "", "new"]


def test_deleted_file_is_followed_on_when_it_is_made_again(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\n")
    assert read_on(follower) == ["one"]
    path.unlink()
    assert read_on(follower) == []
    path.write_bytes(b"two\n")
    assert read_on(follower) == ["two"]


# Truncation


def test_truncated_file_is_read_from_its_start(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\ntwo\n")
    read_on(follower)
    os.truncate(path, 0)
    assert read_on(follower) == []
    append(path, b"three\n")
    assert read_on(follower) == ["three"]


@pytest.mark.parametrize("content", [b"new\n", b"newer 1\n", b"newest 1\nnewest 2\n"])
def test_rewritten_file_is_known_though_it_is_as_long_or_longer(
    path: Path, follower: Follower, content: bytes
) -> None:
    path.write_bytes(b"older 1\n")
    assert read_on(follower) == ["older 1"]
    path.write_bytes(content)
    assert read_on(follower) == lines_of(content)


def test_unterminated_line_is_given_when_it_is_truncated_away(
    path: Path, follower: Follower
) -> None:
    path.write_bytes(b"one\ncut o")
    assert read_on(follower) == ["one"]
    path.write_bytes(b"new\n")
    assert read_on(follower) == ["cut o", "new"]


@given(generations=st.lists(st.lists(st.binary(max_size=20), max_size=4), max_size=5))
def test_no_line_is_lost_or_doubled_over_rotations_and_truncations(
    tmp_path_factory: pytest.TempPathFactory, generations: list[list[bytes]]
) -> None:
    path = tmp_path_factory.mktemp("generations") / "log"
    follower = Follower(path)
    given_lines: list[str] = []
    wanted: list[str] = []
    for number, chunks in enumerate(generations):
        if number % 2 and path.exists():
            os.truncate(path, 0)
        elif path.exists():
            path.rename(path.with_suffix(f".{number}"))
        content = b"%d begins\n" % number + b"".join(chunks)
        append(path, content)
        wanted += lines_of(content)
        given_lines += read_on(follower)
    given_lines += texts(follower.finish())
    follower.close()
    assert given_lines == wanted


# What cannot be read


def test_missing_file_raises_until_it_is_there(path: Path, follower: Follower) -> None:
    for _ in range(2):
        with pytest.raises(FileNotFoundError):
            follower.read(0.0)
    path.write_bytes(b"one\n")
    assert read_on(follower) == ["one"]


def test_directory_and_fifo_are_refused_without_blocking(path: Path, follower: Follower) -> None:
    path.mkdir()
    with pytest.raises(OSError, match="not a regular file"):
        follower.read(0.0)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        follower.read(0.0)
    path.unlink()
    path.write_bytes(b"one\n")
    assert read_on(follower) == ["one"]


def test_unreadable_file_is_refused(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\n")
    path.chmod(stat.S_IWUSR)
    if os.access(path, os.R_OK):
        pytest.skip("this user may read everything")
    with pytest.raises(PermissionError):
        follower.read(0.0)


# Closing


def test_reading_goes_on_after_a_close_where_it_stopped(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\ntw")
    assert read_on(follower) == ["one"]
    follower.close()
    append(path, b"o\nthree\n")
    assert read_on(follower) == ["two", "three"]


def test_file_exchanged_while_closed_is_read_from_its_start(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\n")
    read_on(follower)
    follower.close()
    path.unlink()
    path.write_bytes(b"two\nthree\n")
    assert read_on(follower) == ["two", "three"]


# Going on in another process


def go_on(path: Path, place: Place) -> list[str]:
    """Read on as another process does."""
    follower = Follower(path, place)
    lines = read_on(follower)
    follower.close()
    return lines


def test_reading_goes_on_at_a_place_that_was_kept(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\ntwo\nthr")
    read_on(follower)
    append(path, b"ee\nfour\n")
    assert go_on(path, follower.place) == ["three", "four"]


@given(
    content=st.lists(st.sampled_from([b"a\n", b"\n", b"bc\r\n", b"\xff", b"x" * 50 + b"\n"])),
    taken=st.lists(st.integers(0, 5), max_size=8),
)
def test_a_process_that_ends_anywhere_loses_and_doubles_no_line(
    tmp_path_factory: pytest.TempPathFactory, content: list[bytes], taken: list[int]
) -> None:
    path = tmp_path_factory.mktemp("follow") / "log"
    path.touch()
    place, lines = Place(), []
    for number, chunk in enumerate([*content, b"end\n"]):
        append(path, chunk)
        follower = Follower(path, place)
        at_once = taken[number] if number < len(taken) else 1_000
        for line, behind in follower.read(0.0).lines[:at_once]:
            lines.append(line)
            place = behind
        follower.close()
    assert [*lines, *go_on(path, place)] == lines_of(b"".join([*content, b"end\n"]))


def test_a_line_given_early_keeps_its_late_end_from_counting(
    path: Path, follower: Follower
) -> None:
    path.write_bytes(b"one")
    read_on(follower)
    assert read_on(follower, now=QUIET) == ["one"]
    append(path, b"\ntwo\n")
    assert go_on(path, follower.place) == ["two"]


def test_rest_of_a_file_that_was_rotated_meanwhile_comes_first(
    path: Path, follower: Follower
) -> None:
    path.write_bytes(b"one\n")
    assert read_on(follower) == ["one"]
    append(rotate(path), b"two\n")
    path.write_bytes(b"three\n")
    assert go_on(path, follower.place) == ["two", "three"]


def test_a_file_that_was_cut_off_meanwhile_is_read_from_its_start(
    path: Path, follower: Follower
) -> None:
    path.write_bytes(b"one\n")
    read_on(follower)
    path.write_bytes(b"new 1\nnew 2\n")
    assert go_on(path, follower.place) == ["new 1", "new 2"]


def test_another_file_beside_it_is_never_taken_for_the_rotated_one(
    path: Path, follower: Follower
) -> None:
    path.write_bytes(b"one\n")
    read_on(follower)
    os.truncate(rotate(path), 0)
    path.with_suffix(".1").write_bytes(b"somebody else's\n")
    path.write_bytes(b"new\n")
    assert go_on(path, follower.place) == ["new"]


def test_lines_that_nobody_took_are_given_again(path: Path, follower: Follower) -> None:
    path.write_bytes(b"one\ntwo\nthree\n")
    _, place = follower.read(0.0).lines[0]
    follower.go_to(place)
    assert read_on(follower) == ["two", "three"]


def test_one_read_gives_so_many_lines_at_most(path: Path, follower: Follower) -> None:
    path.write_bytes(b"\n" * (2 * MOST + 1) + b"end")
    sizes = [len(follower.read(0.0).lines) for _ in range(3)]
    assert sizes == [MOST, MOST, 1]
    append(path, b"\n")
    assert read_on(follower) == ["end"]
