"""Since when records and fields are there: what 0.2.0 had not is named with its release, and nothing else is."""

import json
from pathlib import Path

from schemas.catalogue import RECORD_TYPES
from schemas.since import load_since

OLD = Path(__file__).parents[1] / "data" / "releases" / "records-0.2.0.json"


def test_since_names_what_came_after_0_2_0_and_nothing_that_was_there_or_is_not() -> None:
    before = json.loads(OLD.read_text(encoding="utf-8"))
    new = set()
    for one in RECORD_TYPES:
        name = one.cls.__name__
        if name not in before:
            new.add(name)
        else:
            new |= {f"{name}.{field['name']}" for field in one.derived["fields"] if field["name"] not in before[name]}
    assert set(load_since()) == new, "name it in schemas/since.yaml with the release that it comes in"
