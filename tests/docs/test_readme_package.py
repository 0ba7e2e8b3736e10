"""The package in the README, installed, run and edited: what a newcomer does first."""

from __future__ import annotations

from .pages import ROOT, Block, blocks
from .terminal import Terminal

README = ROOT / "README.md"


def block(language: str, *, having: str) -> Block:
    (found,) = [block for block in blocks(language, README) if having in block.code]
    return found


def test_the_greeter_is_installed_answers_and_keeps_its_count_when_it_is_edited(
    terminal: Terminal,
) -> None:
    package = terminal.folder / "hello-actors"
    package.mkdir()
    module = package / "hello_actors.py"
    module.write_text(block("python", having="class Greeter").code, "utf-8")
    (package / "pyproject.toml").write_text(block("toml", having="[project]").code, "utf-8")
    terminal.type(block("console", having="./hello-actors"))
    config = terminal.folder / "aplay.toml"
    config.write_text(block("toml", having='[actors."/greet"]').code, "utf-8")
    assert terminal.run("aplay-host check").returncode == 0
    terminal.serve("aplay-host serve --reload")
    terminal.type(block("console", having='"Ada"'))
    before, after = block("diff", having="Welcome").code.splitlines()
    source = module.read_text("utf-8")
    assert source.count(before[1:]) == 1
    module.write_text(source.replace(before[1:], after[1:]), "utf-8")
    assert terminal.run("aplay-host reload").returncode == 0  # done already, or done now
    terminal.type(block("console", having='"Bo"'))
