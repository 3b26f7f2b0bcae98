"""What the hand-written pages name exists: links, files, commands, settings, topics, metrics."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import typer.main

from bus.cli import app
from bus.docgen import pages
from bus.settings import secret_files, variables
from schemas.topics import load_contract

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FENCED = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\((?!https?://)([^)#\s]*)(?:#([^)\s]+))?\)")
FILE = re.compile(r"(?<![\w/}])(?:bus|adapters|projections|deadletter|schemas|tests|docs)/[\w./-]*\w")
PAGE_IN_CODE = re.compile(r"\b(docs/[\w-]+\.md)(?:#([\w-]+))?")
COMMAND = re.compile(r"(?:^|[\s(])ticketbus ([a-z]+(?:-[a-z]+)*)(?: ([a-z][a-z0-9]*(?:-[a-z0-9]+)*))?", re.MULTILINE)
NOT_SETTINGS = {"TICKETBUS_TEST_DATA", "TICKETBUS_WEBHOOK_SECRET_CRM"}  # the tests', and what `ticketbus env` exports

THE_JANUARY_MISTAKE = "ticket.assigns"

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def code_of(page: Path) -> str:
    """Give all that a page sets in code."""
    text = page.read_text(encoding="utf-8")
    return "\n".join([*FENCED.findall(text), *INLINE.findall(FENCED.sub("", text))])


@every_page
def test_names_every_link_leads_somewhere(page: Path) -> None:
    lost = []
    for file, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (anchor and anchor not in set(anchors(target))):
            lost.append(f"{file}#{anchor}")
    assert lost == []


@every_page
def test_names_every_file_named_is_there(page: Path) -> None:
    names = {name.rstrip(".") for name in FILE.findall(code_of(page)) if "NAME" not in name}
    assert [name for name in sorted(names) if not (ROOT / name).exists()] == []


@every_page
def test_names_every_command_named_is_one(page: Path) -> None:
    commands = subcommands(typer.main.get_command(app))
    unknown = []
    for name, second in COMMAND.findall(code_of(page)):
        inner = subcommands(commands.get(name))
        if name not in commands or (inner and second and second not in inner):
            unknown.append(f"{name} {second}".strip())
    assert unknown == []


@every_page
def test_names_every_setting_named_is_one(page: Path) -> None:
    named = set(re.findall(r"\bTICKETBUS_[A-Z_]*[A-Z]\b", page.read_text(encoding="utf-8")))
    known = {*variables().values(), *secret_files().values()} | NOT_SETTINGS
    assert sorted(name for name in named - known if not _stem(name, known)) == []


@every_page
def test_names_every_topic_and_metric_named_is_one(page: Path) -> None:
    text = code_of(page)
    topics = set(re.findall(r"(?<![\w.])ticket\.\w+s\b(?!\.)", text))
    metrics = set(re.findall(r"\bticketbus_\w+", text))
    assert sorted(topics - {*load_contract().topics, THE_JANUARY_MISTAKE}) == []
    assert sorted(metrics - set(re.findall(r"`(ticketbus_\w+)`", pages()["docs/metrics.md"]))) == []


def test_names_every_page_that_code_sends_people_to_is_there_and_has_its_heading() -> None:
    sources = [one for top in ("bus", "adapters", "console", "deadletter", "ops") for one in (ROOT / top).rglob("*.py")]
    named = {found for one in sources for found in PAGE_IN_CODE.findall(one.read_text(encoding="utf-8"))}
    assert ("docs/securing.md", "5-topics-rights-schemas") in named
    known = {page: {*anchors(ROOT / page)} for page, _ in named if (ROOT / page).exists()}
    assert [one for one in sorted(named) if one[0] not in known or (one[1] and one[1] not in known[one[0]])] == []


def subcommands(command: object) -> Mapping[str, object]:
    """Give the commands of a group; a command that is none has none."""
    found: Mapping[str, object] = getattr(command, "commands", {})
    return found


def anchors(page: Path) -> Iterator[str]:
    """Give the anchors of a page's headings, as they are made where pages are shown."""
    for line in FENCED.sub("", page.read_text(encoding="utf-8")).splitlines():
        if line.startswith("#"):
            heading = line.lstrip("#").strip().lower().replace("`", "")
            yield re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")
        yield from re.findall(r'<a id="([\w-]+)">', line)


def _stem(name: str, known: set[str]) -> bool:
    """Say whether a name stands for several settings, as in TICKETBUS_KAFKA_…."""
    return sum(one.startswith(f"{name}_") for one in known) > 1
