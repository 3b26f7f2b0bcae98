"""The maps of well-known systems that come with the bus; each has a section in docs/plugging-in-sources.md."""

from collections.abc import Sequence
from importlib.resources import files


def shipped_names() -> Sequence[str]:
    """Name them, sorted."""
    return sorted(
        one.name.removesuffix(".yaml") for one in (files(__package__) / "maps").iterdir() if one.name.endswith(".yaml")
    )


def shipped(name: str) -> str:
    """Give the text of one. Raises KeyError where there is none of that name."""
    if name not in shipped_names():
        raise KeyError(name)
    return (files(__package__) / "maps" / f"{name}.yaml").read_text(encoding="utf-8")
