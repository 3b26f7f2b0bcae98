"""Writes into an AsyncAPI document what of it will go: `x-deprecated` of channels and messages. Pure.

AsyncAPI 3.0.0 has no word for it, and takes extensions that begin with `x-`.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from schemas.deprecations import Deprecation

KEY: Final = "x-deprecated"


def with_deprecations(document: Mapping[str, Any], listed: Sequence[Deprecation]) -> dict[str, Any]:
    """Give the document with what is deprecated at each topic, and at each event with its fields."""
    parts, channels = document["components"], document["channels"]
    messages = {name: _marked(one, _of_event(name, listed)) for name, one in parts["messages"].items()}
    return {
        **document,
        "channels": {name: _marked(one, _of_topic(name, listed)) for name, one in channels.items()},
        "components": {**parts, "messages": messages},
    }


def _of_topic(name: str, listed: Iterable[Deprecation]) -> list[Deprecation]:
    return [one for one in listed if one.what == name]


def _of_event(name: str, listed: Iterable[Deprecation]) -> list[Deprecation]:
    return [one for one in listed if one.what == name or one.what.startswith(f"{name}.")]


def _marked(part: Mapping[str, Any], its: Sequence[Deprecation]) -> Mapping[str, Any]:
    return {**part, KEY: [one.model_dump(mode="json") for one in its]} if its else part
