"""Since which release records and their fields are there."""

from collections.abc import Mapping
from importlib import resources

import yaml
from pydantic import TypeAdapter

OLDEST = "0.2.0"


def load_since() -> Mapping[str, str]:
    """Read what came after 0.2.0: the release by `Record` or `Record.field`."""
    text = resources.files("schemas").joinpath("since.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, str]).validate_python(yaml.safe_load(text))
