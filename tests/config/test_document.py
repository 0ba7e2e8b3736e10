"""What a file holds before anything is validated, and how a file fails that is no TOML."""

from __future__ import annotations

from pathlib import Path

import pytest

from aplay_host.config import Mistake, peek, read_document
from aplay_host.errors import ConfigError

from .conftest import Write


def failure(path: Path) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read_document(path)
    return caught.value


def place(error: ConfigError) -> tuple[int, int]:
    (problem,) = error.problems
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
    assert peek(file.parent / "below" / ".." / "aplay.toml").name == "project"


def test_a_byte_order_mark_is_no_column(write: Write) -> None:
    document = read_document(write("\ufeffname = 1\n"))
    assert document.data == {"name": 1}
    assert document.span(("name",), "key").column == 1


def test_line_ends_of_windows_are_line_ends(write: Write) -> None:
    document = read_document(write("a = 1\r\nb = '''x\r\ny'''\r\n"))
    assert document.data["b"] == "x\ny"
    assert document.span(("b",), "value").line == 2


def test_columns_count_characters_not_bytes(write: Write) -> None:
    document = read_document(write('a = ["中文", "é", 5]\n'))
    assert document.span(("a", 2), "value").column == 17


def test_a_path_that_is_not_there_is_marked_at_its_parent(write: Write) -> None:
    document = read_document(write("[a.b]\nc = [1, 2]\n"))
    assert document.span(("a", "b", "missing"), "key").column == 4
    assert document.span(("a", "b", "c", "str"), "value").column == 5
    assert document.span(("nowhere",), "key").line == 1


def test_a_problem_carries_its_dotted_key(write: Write) -> None:
    document = read_document(write("[actors.'/a\"b']\nlist = [{ x-y = 1 }]\n"))
    mistake = Mistake(("actors", '/a"b', "list", 0, "x-y"), "bad-value", "no")
    problem = document.problem(mistake)
    assert problem.key == r'actors."/a\"b".list[0].x-y'
    assert (problem.line, problem.column, problem.end_column) == (2, 17, 18)


def test_a_file_below_the_working_directory_is_named_relative_to_it(
    folder: Path, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = read_document(write(""))
    assert document.name == "aplay.toml"
    monkeypatch.chdir(folder.parent)
    assert document.name == "project/aplay.toml"
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert document.name == str(folder / "aplay.toml")


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


@pytest.mark.parametrize("text", [f"a = {'[' * 5000}", f"a = {'9' * 5000}"])
def test_what_exceeds_the_parser_is_an_error_and_no_traceback(write: Write, text: str) -> None:
    assert place(failure(write(text))) == (1, 1)


@pytest.mark.parametrize(
    "text",
    [
        'api_token = "hunter2\n',
        'password = """\nhunter2 \\q"""\n',
        "secrets = [\n 'hunter2' ?\n]\n",
        'o = { db_password = "hunter2", x = ? }\n',
    ],
)
def test_a_syntax_error_shows_no_secret(write: Write, text: str) -> None:
    assert "hunter2" not in str(failure(write(text)))


def test_peek_finds_the_state_directory_beside_the_file(write: Write) -> None:
    file = write("")
    found = peek(file)
    assert (found.path, found.state_dir, found.name) == (file, file.parent / ".aplay", "project")


def test_peek_reads_the_stated_name_and_state_directory(write: Write) -> None:
    found = peek(write("[host]\nname = 'demo'\nstate_dir = '../run'\n"))
    assert (found.state_dir.name, found.state_dir.parent.name) == ("run", found.path.parts[-3])
    assert found.name == "demo"


def test_peek_minds_nothing_else(write: Write) -> None:
    assert peek(write("host.colour = 1\nactors = 5\n")).name == "project"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("host = 5\n", "aplay.toml:1:8: error: host: got 5 (integer), want a table"),
        ("[host]\nname = 5\n", "aplay.toml:2:8: error: host.name: got 5 (integer), want a string"),
        ("[host]\nstate_dir = []\n", "aplay.toml:2:13: error: host.state_dir: got an array, want"),
        ("[host]\nstate_dir = 'a\\0'\n".replace("'", '"').replace("\\0", "\\u0000"), "want a path"),
        ("[host\n", "aplay.toml:1:6: error: no TOML: "),
    ],
)
def test_peek_refuses_what_it_cannot_use(write: Write, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        peek(write(text))
    assert message in str(caught.value)
