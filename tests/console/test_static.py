"""The files of others that the console serves are what their lock says, and the lock says all of them."""

import hashlib
import json
from pathlib import Path

STATIC = Path(__file__).parents[2] / "console" / "static"
OWN = {"charts.js", "console.css", "console.js", "icon.svg", "lock.json"}


def test_static_files_of_others_have_the_hash_of_the_lock() -> None:
    lock = json.loads((STATIC / "lock.json").read_text())
    assert {one.name for one in STATIC.iterdir()} == OWN | set(lock)
    for name, entry in lock.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == entry["sha256"], name
        assert entry["license"] in {"0BSD", "MIT"}
