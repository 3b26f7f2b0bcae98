"""Code of Mermaid as pictures: laid out when the site is built, in the page itself."""

from html import escape
from typing import Final

import mmdr
from docutils import nodes

_FONT: Final = '"Recursive Variable",arial,sans-serif'  # of mmdr; what is not there has no Chinese either


def picture(block: nodes.literal_block, number: int) -> nodes.raw:
    """Draw a block; `number` tells its styles from those of the page's others."""
    drawn = mmdr.render(block.astext()).svg().replace("merman", f"diagram-{number}").replace(_FONT, "sans-serif")
    label = escape(" ".join(block.astext().split()[:1]))
    text = f'<div class="diagram" role="img" aria-label="{label}">{drawn}</div>'
    return nodes.raw("", text, format="html")
