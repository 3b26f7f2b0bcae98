"""What a request that failed is answered: every error, ours or theirs, as a problem; each is logged once."""

from collections.abc import Callable, Collection

import structlog
from starlette.exceptions import HTTPException
from starlette.responses import Response

from bus.domain.errors import BusError, Refusal, Transient
from bus.domain.text import Text
from bus.gateway.http.problems import HttpProblem, internal, problem

PATH_CHARS_SHOWN = 200
_CALLERS_WORDS = frozenset(
    {"unknown_field", "repeated_key", "repeated_parameter", "nul", "lone_surrogate"}
)  # their field may be anything, even a person
log = structlog.get_logger()


def failed(
    error: Exception, *, method: str, path: str, route: str, allowed: Callable[[], Collection[str]], trace_id: str
) -> Response:
    """Answer an error, and log it: a refusal as one, a failure of ours with its stack.

    `allowed` gives the methods that the path has, for whoever came with another.
    """
    match error:
        case HTTPException():
            methods = allowed() if error.status_code == 405 else ()
            return problem(_not_routed(error, method, path[:PATH_CHARS_SHOWN], methods), trace_id)
        case Refusal() | HttpProblem() | Transient():
            response = problem(error, trace_id)
            code, field = getattr(error, "code", type(error).__name__), getattr(error, "field", "")
            field = "" if code in _CALLERS_WORDS else field
            log.info("request_refused", status=response.status_code, code=code, field=field, trace_id=trace_id)
            return response
        case BusError():
            log.error("an invariant is broken", error=str(error))
        case _:
            log.error("request failed", path=route, error=type(error).__name__, exc_info=error)
    return internal(trace_id)


def _not_routed(error: HTTPException, method: str, path: str, allowed: Collection[str]) -> HttpProblem:
    """Turn Starlette's 404 and 405 into problems."""
    if error.status_code == 404 or (error.status_code == 405 and not allowed):
        zh, en = f"没有地址 {path!r},见 /docs", f"there is no {path!r}; see /docs"
        return HttpProblem(404, "no_such_path", "path", Text(zh, en))
    if error.status_code == 405:
        zh, en = f"{path!r} 不支持 {method}", f"{path!r} does not take {method}"
        return HttpProblem(405, "method_not_allowed", "method", Text(zh, en), {"Allow": ", ".join(sorted(allowed))})
    return HttpProblem(error.status_code, "http", "request", Text(error.detail, error.detail), error.headers)
