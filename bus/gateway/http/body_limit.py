"""How large a request's body may be: larger for a message of several deliveries whose sender is proven before."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

from starlette.types import Scope

from bus.domain.errors import MalformedInput
from bus.intake.source_adapter import PATH_SECRET, PEER, SendsBatches, Source

BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
_WEBHOOK: Final = re.compile(r"/v1/sources/([^/]+)/webhook(?:/([^/]+))?")
BodyLimit = Callable[[Scope], int]


def body_limit(usual: int, sources: Mapping[str, Source], now: Callable[[], datetime]) -> BodyLimit:
    """Make the limit: `usual` bytes, or BATCH_BYTES_MAX for a source that sends batches.

    That only where the address or the headers prove the sender: what a stranger sends is not kept in memory for long.
    """

    def limit(scope: Scope) -> int:
        asked = _WEBHOOK.fullmatch(scope["path"])
        source = sources.get(asked[1]) if asked else None
        if asked is None or not isinstance(source, SendsBatches) or not source.sends_batches:
            return usual
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        headers |= {PEER: (scope.get("client") or ("",))[0], PATH_SECRET: asked[2] or ""}
        try:
            source.verify(headers, b"", now())
        except MalformedInput:
            return usual
        return max(usual, BATCH_BYTES_MAX)

    return limit
