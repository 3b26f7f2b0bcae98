"""The sample subscribers of `examples/`, with a subscription's topics, group and events filled in."""

import json
import re
from enum import StrEnum
from pathlib import Path
from typing import Final

import bus


class Language(StrEnum):
    """A language that there is a sample subscriber in."""

    PYTHON = "python"
    NODE = "node"
    JAVA = "java"
    GO = "go"
    SQL = "sql"  # not a language of programs: the sink, in Python, whose effect is rows


FILES: Final = {
    Language.PYTHON: "subscriber.py",
    Language.NODE: "subscriber.mjs",
    Language.JAVA: "Subscriber.java",
    Language.GO: "subscriber.go",
    Language.SQL: "sink.py",
}
_BESIDE: Final = {
    Language.PYTHON: ("requirements.txt",),
    Language.NODE: ("package.json", "package-lock.json"),
    Language.JAVA: ("pom.xml", "jars.sha256"),
    Language.GO: ("go.mod", "go.sum"),
    Language.SQL: ("requirements.txt",),
}
# Each sample says its values once, at its head, as `TOPICS = "…"` in the spelling of its language.
VALUES: Final = ("topics", "group", "types", "regions", "assignees")


def folder_of(language: Language) -> Path:
    """Say where a sample stands: in the wheel beside the package's code, in the source tree at its root."""
    package = Path(bus.__file__).parent
    shipped = package / "examples"
    return (shipped if shipped.is_dir() else package.parent / "examples") / language


def sample(language: Language, **values: str) -> str:
    """Give a sample's source with some of `VALUES` filled in; of several, commas between them.

    It reads topics, as the broker names them, and deals with these `ce_type`s of tickets of these regions and people.
    """
    text = (folder_of(language) / FILES[language]).read_text(encoding="utf-8")
    for name, value in values.items():
        literal = json.dumps(value, ensure_ascii=False)  # a string of each of the languages
        head = re.compile(rf"""(\b{name}\s*= )(["']).*?\2""", re.IGNORECASE)
        place = head.search(text)
        assert place, f"the sample in {language} has no {name}"
        text = text[: place.start()] + place[1] + literal + text[place.end() :]
    return text


def write_sample(language: Language, text: str, folder: Path) -> list[Path]:
    """Write a sample with what pins its libraries and its README; gives the files. Raises FileExistsError, OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = {
        name: (folder_of(language) / name).read_text(encoding="utf-8") for name in (*_BESIDE[language], "README.md")
    }
    written = []
    for name, content in {FILES[language]: text, **beside}.items():
        with (folder / name).open("x", encoding="utf-8") as file:
            file.write(content)
        written.append(folder / name)
    return written
