"""What a file holds before anything is validated, and how a file fails that is no TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from aplay_host.config import peek, read_document
from aplay_host.config.document import Document, Mistake
from aplay_host.errors import ConfigError

from .conftest import Write


def failure(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_document(path)
    return caught.value


def place(error: ConfigError) -> tuple[int, int]:
    (problem,) = error.problems
    return problem.line, problem.column


def key(document: Document, *path: str | int) -> tuple[int, int]:
    """Return where the caret of a mistake about a key stands."""
    problem = document.problem(Mistake(path, "unknown-key", "unknown key"))
    return problem.line, problem.column


def value(document: Document, *path: str | int) -> tuple[int, int]:
    """Return where the caret of a mistake about a value stands."""
    problem = document.problem(Mistake(path, "bad-value", "no", got="it"))
    return problem.line, problem.column


def test_a_document_has_its_path_text_and_values(write: Write) -> None:
    file = write("[host]\nname = 'x'\n")
    document = read_document(file)
    assert document.path == file
    assert document.text == "[host]\nname = 'x'\n"
    assert document.data == {"host": {"name": "x"}}


def test_a_path_with_steps_upwards_still_names_its_folder(write: Write) -> None:
    file = write("")
    (file.parent / "below").mkdir()
    assert peek(file.parent / "below" / ".." / "aplay.toml") == peek(file)


def test_a_byte_order_mark_is_no_column(write: Write) -> None:
    document = read_document(write("\ufeffname = 1\n"))
    assert document.data == {"name": 1}
    assert key(document, "name") == (1, 1)


def test_line_ends_of_windows_are_line_ends(write: Write) -> None:
    document = read_document(write("a = 1\r\nb = '''x\r\ny'''\r\n"))
    assert document.data["b"] == "x\ny"
    assert value(document, "b") == (2, 5)


def test_columns_count_characters_not_bytes(write: Write) -> None:
    document = read_document(write('a = ["中文", "é", 5]\n'))
    assert value(document, "a", 2) == (1, 17)


def test_a_path_that_is_not_there_is_marked_at_its_parent(write: Write) -> None:
    document = read_document(write("[a.b]\nc = [1, 2]\n"))
    assert key(document, "a", "b", "missing") == (1, 4)
    assert value(document, "a", "b", "c", "str") == (2, 5)
    assert key(document, "nowhere") == (1, 1)


def test_a_problem_carries_its_dotted_key(write: Write) -> None:
    document = read_document(write("[actors.'/a\"b']\nlist = [{ x-y = 1 }]\n"))
    mistake = Mistake(("actors", '/a"b', "list", 0, "x-y"), "bad-value", "no", got="1")
    problem = document.problem(mistake)
    assert problem.key == r'actors."/a\"b".list[0].x-y'
    assert (problem.line, problem.column, problem.end_column) == (2, 17, 18)


def test_a_file_below_the_working_directory_is_named_relative_to_it(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write("a =")
    assert failure(file).problems[0].file == "aplay.toml"
    monkeypatch.chdir(folder.parent)
    assert failure(file).problems[0].file == "project/aplay.toml"
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert failure(file).problems[0].file == str(file)


def test_a_missing_file_is_an_error_without_a_place(folder: Path) -> None:
    error = failure(folder / "aplay.toml")
    assert place(error) == (0, 0)
    assert str(error).startswith("aplay.toml: error: cannot be read: no such file")


def test_a_folder_is_an_error(folder: Path) -> None:
    assert "cannot be read: is a directory" in str(failure(folder))


def test_a_file_that_the_system_refuses_is_an_error(folder: Path) -> None:
    assert "cannot be read: file name too long" in str(failure(folder / ("x" * 300)))


def test_a_syntax_error_is_located(write: Write) -> None:
    error = failure(write('[host]\nname = "x\n'))
    assert place(error) == (2, 10)
    assert error.problems[0].code == "syntax"
    assert str(error).splitlines()[1:3] == ['    2 | name = "x', "      |          ^"]


def test_a_syntax_error_at_the_end_of_the_file_is_located(write: Write) -> None:
    assert place(failure(write("a = [1,\n"))) == (2, 1)


def test_an_address_without_quotes_is_told_how_to_be_written(write: Write) -> None:
    assert 'a key with a slash needs quotes: "/tail"' in str(failure(write("[actors./tail]\n")))


def test_a_bad_byte_is_located(folder: Path) -> None:
    file = folder / "aplay.toml"
    file.write_bytes(b'\xef\xbb\xbfa = 1\r\n"\xc3\xa9" = "\xff"\r\n')
    error = failure(file)
    assert place(error) == (2, 8)
    assert "got byte 0xff, want UTF-8 text" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        f"a = {'[' * 5000}",
        f"a = {'9' * 5000}",
        f"a = 0x{'f' * 5000}",
        f"[a{'.a' * 900}]\na{'.a' * 900} = 1",
    ],
)
def test_what_exceeds_the_parser_is_an_error_and_no_traceback(write: Write, text: str) -> None:
    error = failure(write(text))
    assert place(error) == (1, 1)
    assert "a value is nested too deep, or a number has too many digits" in str(error)


def test_peek_finds_the_state_directory_beside_the_file(write: Write) -> None:
    file = write("")
    assert peek(file).state_dir == file.parent / ".aplay"


def test_peek_reads_the_stated_state_directory(write: Write) -> None:
    file = write("[host]\nstate_dir = '../run'\n")
    assert peek(file).state_dir == file.parents[1] / "run"


def test_peek_minds_nothing_else(write: Write) -> None:
    file = write("host.colour = 1\nactors = 5\n")
    assert peek(file).state_dir == file.parent / ".aplay"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("host = 5\n", "aplay.toml:1:8: error: host.state_dir: got 5, want a path"),
        ("[host]\nstate_dir = []\n", "aplay.toml:2:13: error: host.state_dir: got an array, want"),
        ("[host]\nstate_dir = 'a\\0'\n".replace("'", '"').replace("\\0", "\\u0000"), "want a path"),
    ],
)
def test_peek_refuses_what_it_cannot_use(write: Write, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        peek(write(text))
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "state_dir"),
    [
        ("[host\n", ".aplay"),
        ('[host]\nstate_dir = "kept"\n[log\n', "kept"),
    ],
)
def test_peek_tells_what_a_broken_file_says_before_its_mistake(
    write: Write, text: str, state_dir: str
) -> None:
    file = write(text)
    found = peek(file)
    assert found.state_dir == file.parent / state_dir
    assert "error: not TOML: " in str(found.broken)
