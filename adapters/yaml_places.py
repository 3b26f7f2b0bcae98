"""Where in a YAML file stands what pydantic found fault with. Pure."""

from collections.abc import Sequence
from itertools import zip_longest

import yaml


def place_in(node: yaml.Node | None, loc: Sequence[str | int]) -> tuple[Sequence[str], yaml.Mark | None]:
    """Follow a path into the file as far as it goes; a step that is pydantic's own (a tag, a union) is passed over."""
    path, mark = list[str](), node.start_mark if node else None
    for step, following in zip_longest(loc, loc[1:]):
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(step)]
            if not found or (_is_text(found[0][1]) and _has(node, following)):  # a tag that is a key here, too
                continue
            (key, node), *_ = found
            mark = key.start_mark
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            mark = node.start_mark
        else:
            continue
        path.append(str(step))
    return path, mark


def _is_text(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode)


def _has(node: yaml.MappingNode, step: object) -> bool:
    return step is not None and any(key.value == str(step) for key, _ in node.value)
