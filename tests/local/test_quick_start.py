"""Java's caches: used while they are what was noted when they were made, else made anew."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from bus.local import quick_start
from bus.local.jars import Jars

JARS = Jars(kafka=(), registry_home=Path("home"), key="a-key")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Make caches without Java; the list grows with each time."""
    times: list[str] = []

    def train(_scratch: Path, jars: Jars, paths: Mapping[str, Path]) -> None:
        times.append(jars.key)
        paths["kafka"].write_bytes(b"kafka's")  # none for the registry: its Java cannot do it

    monkeypatch.setattr(quick_start, "_train", train)
    return times


def test_quick_start_a_cache_is_made_once_and_anew_when_it_changes(tmp_path: Path, trained: list[str]) -> None:
    first = quick_start.provide(tmp_path, JARS)
    assert quick_start.provide(tmp_path, JARS) == first
    assert (len(trained), first.registry) == (1, None)
    assert first.kafka is not None
    first.kafka.write_bytes(b"kafka$s")
    said: list[str] = []
    assert quick_start.provide(tmp_path, JARS, say=said.append) == first
    assert (len(trained), len(said), first.kafka.read_bytes()) == (2, 1, b"kafka's")


def test_quick_start_a_cache_put_where_there_was_none_is_not_used(tmp_path: Path, trained: list[str]) -> None:
    made = quick_start.provide(tmp_path, JARS)
    assert made.kafka is not None
    made.kafka.with_name(made.kafka.name.replace("kafka", "registry")).write_bytes(b"a stranger's")
    assert quick_start.provide(tmp_path, JARS).registry is None
    assert len(trained) == 2


def test_quick_start_caches_of_versions_before_were_noted_by_nobody(tmp_path: Path, trained: list[str]) -> None:
    made = quick_start.provide(tmp_path, JARS)
    assert made.kafka is not None
    next(made.kafka.parent.glob("*.hashes")).unlink()
    quick_start.provide(tmp_path, JARS)
    assert len(trained) == 2
