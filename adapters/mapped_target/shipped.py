"""The maps of well-known systems that come with the bus, as `options` of a target in the targets file."""

from importlib.resources import files


def shipped_target(name: str) -> str:
    """Give the text of one. Raises FileNotFoundError where there is none of that name."""
    return (files(__package__) / "maps" / f"{name}.yaml").read_text(encoding="utf-8")
