"""What a page is: its path, its query to the gateway, its template, and the actions its forms send."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from bus.domain.text import Text
from console.gateway_api import GatewayApi
from console.session import Session

ROOT = "/console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request to a page by whom is signed in: the values of its path, query and form, and the gateway to ask.

    `host`: the address that the page was asked at, where that is the gateway's.
    """

    api: GatewayApi
    session: Session
    now: datetime
    path: Mapping[str, Any] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    fields: Sequence[tuple[str, str]] = ()
    host: str = ""

    @property
    def form(self) -> Mapping[str, str]:
        """Give the form's fields by name; of equal names the last."""
        return dict(self.fields)

    def chosen(self, name: str) -> list[str]:
        """Give all values of a field, such as the boxes that were ticked."""
        return [value for field_name, value in self.fields if field_name == name]

    async def get(self, path: str, **query: Any) -> Any:
        """Read from the gateway; a query value that is None or empty is left out. Raises ApiProblem."""
        given = {name: value for name, value in query.items() if value not in (None, "")}
        return await self.api.call(self.session.token, "GET", path, query=given, host=self.host)

    async def get_if(self, needs: str, path: str, **query: Any) -> Any:
        """Read what the client may read, else give None. Raises ApiProblem."""
        return await self.get(path, **query) if self.may(needs) else None

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a request under the form's own idempotency key. Raises ApiProblem."""
        return await self.api.call(self.session.token, "POST", path, body=body, key=self.form.get("key", ""))

    def ticket_path(self, what: str = "") -> str:
        """Give the API's path of the ticket in the page's address, or of what stands below it there."""
        below = f"/{what}" if what else ""
        return f"/v1/tickets/{quote(self.path['ticket'], safe='')}{below}"

    def may(self, wanted: str) -> bool:
        """Say whether the client's role and binding allow an access or a command; the gateway decides again."""
        return not wanted or wanted in self.session.accesses or wanted in self.session.commands


@dataclass(frozen=True, slots=True)
class Download:
    """A file for whom asked for it: JSON, in the form that commands write it."""

    name: str
    content: bytes


Read = Callable[[Asked], Awaitable[Mapping[str, Any]]]
"""Give what a template shows. Raises ApiProblem."""

Run = Callable[[Asked], Awaitable[str | Mapping[str, Any] | Download]]
"""Do what a form asks for, and give the address to go on to, empty for the page it was sent from; or a file; or what
the page's template shows in answer, with a `problem` that came up on the way. Raises ApiProblem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What a form of a page does: it is sent to `name` below the page's path; `done` is shown afterwards."""

    name: str
    run: Run
    done: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page below /console. `needs`: the access without which it is not in the menu.

    `begins`: the roles whose sign-in leads here, not to the first page of their menu. An `open` page is shown to who is
    not signed in, too. `live`: the template's block `live` is sent anew whenever what it shows has changed, looked at
    every `every_s` seconds (0: as usual); it holds no form. `watch`: what
    that block shows, where it is less than the page.
    """

    path: str
    title: Text
    template: str
    read: Read
    needs: str = ""
    menu: bool = True
    live: bool = False
    every_s: float = 0.0
    watch: Read | None = None
    open: bool = False
    begins: Sequence[str] = ()
    actions: Sequence[Action] = ()


def link(path: str, **query: object) -> str:
    """Give the address of a page, with those query values that are not empty. Pure."""
    given = {name: str(value) for name, value in query.items() if value not in (None, "")}
    return ROOT + path + (f"?{urlencode(given)}" if given else "")
