"""No bytes that came from elsewhere are given to something that runs what is in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import aplay_host

ROOT = Path(aplay_host.__file__).parents[1]
UNSAFE = re.compile(
    r"\b(?:import|from)\s+_?(?:pickle|cPickle|marshal|shelve|dill|jsonpickle)\b"
    r"|\b(?:pickle|marshal|shelve)\.(?:loads?|open|Unpickler)\b"
    r"|\byaml\.(?:unsafe_|full_)?load\b"
)
FILES = [
    file
    for folder in ("aplay_host", "plugins_example", "tests", "benchmarks")
    for file in sorted((ROOT / folder).rglob("*.py"))
    if file != Path(__file__)
]


def test_there_are_files_to_read() -> None:
    assert len(FILES) > 300


def test_nothing_reads_bytes_that_could_run_code() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {match.group()}"
        for file in FILES
        for match in UNSAFE.finditer(file.read_text("utf-8"))
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from marshal import loads",
        "import os, shelve; shelve.open('x')",
        "yaml.load(text)",
        "yaml.unsafe_load(text)",
    ],
)
def test_a_reader_that_could_run_code_is_noticed(line: str) -> None:
    assert UNSAFE.search(line)
