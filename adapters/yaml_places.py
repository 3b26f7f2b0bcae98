"""Where in a YAML file stands what pydantic found fault with. Pure."""

from collections.abc import Sequence

import yaml


def place_in(node: yaml.Node | None, loc: Sequence[str | int]) -> tuple[Sequence[str], yaml.Mark | None]:
    """Follow a path into the file as far as it goes; a step that is pydantic's own (a tag, a union) is passed over."""
    path, mark = list[str](), node.start_mark if node else None
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == str(step)]
            if not found:
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
