"""The reference pages and schema files, drawn from what the code itself runs on; a test says when they are stale."""

import json
from collections.abc import Mapping
from pathlib import Path

from bus.alert_catalogue import RULES
from bus.docgen import (
    access,
    alerts,
    asyncapi,
    commands,
    dashboard,
    events,
    metrics,
    openapi,
    prometheus,
    retention,
    settings,
    states,
    topics,
)
from bus.docgen.markdown import replace_drawn
from schemas.catalogue import RECORD_TYPES
from schemas.deprecations import load_deprecations
from schemas.topics import load_contract


def pages() -> Mapping[str, str]:
    """Draw every page that is wholly drawn, by its path from the root of the checkout."""
    contract = load_contract()
    deprecations = load_deprecations(contract)
    return {
        "docs/states.md": states.page(),
        "docs/commands.md": commands.page(),
        "docs/events.md": events.page(contract, deprecations),
        "docs/topics.md": topics.page(contract, deprecations),
        "docs/access.md": access.page(),
        "docs/settings.md": settings.page(),
        "docs/metrics.md": metrics.page(),
        "docs/retention.md": retention.page(contract),
        asyncapi.FILE: asyncapi.document_file(contract),
        openapi.FILE: openapi.document_file(contract),
        prometheus.RULES_FILE: prometheus.rules_file(RULES.values()),
        prometheus.TESTS_FILE: prometheus.tests_file(RULES.values()),
        dashboard.FILE: dashboard.dashboard(),
    }


def schema_files(root: Path) -> Mapping[Path, str]:
    """Draw the schema file of every record, by its path under `root`; pages are drawn of what stands in them."""
    return {
        root / "schemas" / one.file_name: json.dumps(one.derived, indent=2, ensure_ascii=False) + "\n"
        for one in RECORD_TYPES
    }


def drawn(root: Path) -> Mapping[Path, str]:
    """Give what every drawn file under `root` should hold. Raises MarkerMissing, OSError."""
    parts = {
        root / "ARCHITECTURE.md": ("states", states.diagram()),
        root / "docs/alerts.md": ("alert rules", alerts.rules_table(RULES.values())),
    }
    marked = {path: replace_drawn(path.read_text(encoding="utf-8"), *part) for path, part in parts.items()}
    return {**{root / name: text for name, text in pages().items()}, **schema_files(root), **marked}


def stale(root: Path) -> list[Path]:
    """List the drawn files under `root` that do not say what the code says. Raises MarkerMissing, OSError."""
    new = [path for path in schema_files(root) if not path.exists()]
    return new or [path for path, text in drawn(root).items() if not is_drawn(path, text)]


def is_drawn(path: Path, text: str) -> bool:
    """Say whether a file is there, and as it should be."""
    return path.exists() and path.read_text(encoding="utf-8") == text
