"""What a token speaks for: as whom a client acts, and which tickets it reaches. Pure."""

from dataclasses import dataclass
from datetime import datetime

from bus.domain.commands import Command, OpenTicket
from bus.domain.errors import CommandRefused, MalformedInput
from bus.domain.scope import Scope
from bus.domain.text import Text
from bus.gateway.auth.roles import Access, Role, allows


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """A source, a person, persons named per request (`on_behalf`), or regions.

    A token that is not `bound` is of an earlier version, and reaches all that its role may.
    """

    bound: bool = False
    source: str = ""
    all_sources: bool = False
    person: str = ""
    on_behalf: bool = False
    regions: tuple[str, ...] = ()


UNBOUND = Binding()
BOUND_ROLES = frozenset({Role.SOURCE, Role.ENGINEER, Role.DISPATCHER, Role.LEAD})
"""Whose tickets these reach depends on what the token is bound to; the others reach all."""
_DECIDED = {
    Access.DECIDE_LETTERS: Text("死信", "dead letters"),
    Access.DECIDE_ALERTS: Text("告警", "alerts"),
    Access.ACK_ESCALATIONS: Text("工单时限", "tickets' promises"),
    Access.DECIDE_CONSUMERS: Text("订阅与灰度", "subscriptions and rollouts"),
    Access.DECIDE_PEOPLE: Text("人员", "the directory of people"),
    Access.DECIDE_KNOWLEDGE: Text("知识库", "the knowledge pool"),
    Access.DECIDE_MAPS: Text("对照表", "maps of sources"),
}

_SOME_TICKETS = Text(
    "此令牌只限部分工单,不能订阅或统计全部", "streams and figures are of all tickets, this token of some"
)
_SEVERAL_PERSONS = Text(
    "此令牌代表多人,不能练习:请用本人的令牌登录", "this token speaks for several persons: practise with one's own"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """A client, as proven by its token."""

    name: str
    role: Role
    binding: Binding = UNBOUND
    expires_at: datetime | None = None

    @property
    def source(self) -> str:
        """Name the source that its commands come from."""
        return self.binding.source or self.name

    def acts_as(self, named: str | None, field: str = "actor") -> str:
        """Give who acts: the person that an app which speaks for persons names, else the one it is bound to, or itself.

        Raises MalformedInput when an app names nobody, CommandRefused when a bound token names another than its own.
        """
        binding = self.binding
        if binding.on_behalf:
            if not named:
                zh, en = f"请在 {field} 写明代表谁", f"say in {field} for whom this is done"
                raise MalformedInput("missing", field, zh, en)
            return named
        own = binding.person or self.name
        if binding.bound and named and named != own:
            zh, en = f"此令牌只代表“{own}”", f"this token speaks for {own!r} alone"
            raise CommandRefused("not_yours", field, zh, en)
        return own if binding.bound else named or own

    def scope(self, actor: str) -> Scope | None:
        """Give which tickets it reaches, acting as that person; None for every ticket."""
        binding = self.binding
        if not binding.bound:
            return None
        match self.role:
            case Role.SOURCE:
                return None if binding.all_sources else Scope(source=self.source)
            case Role.ENGINEER:
                return Scope(person=actor)
            case Role.DISPATCHER | Role.LEAD:
                return Scope(regions=binding.regions) if binding.regions else None
            case _:
                return None


def check_opening(scope: Scope | None, command: Command) -> None:
    """Refuse an opening outside the regions that a client is bound to. Raises CommandRefused."""
    if scope and isinstance(command, OpenTicket) and scope.regions and command.region not in scope.regions:
        zh, en = f"此令牌只限区域:{'、'.join(scope.regions)}", f"this token is for {', '.join(scope.regions)}"
        raise CommandRefused("not_yours", "region", zh, en)


def check_binding(role: Role, binding: Binding) -> str | None:
    """Say what a new token of a role lacks or cannot have; None when it may be made."""
    if role is Role.ENGINEER and bool(binding.person) == binding.on_behalf:
        return "an engineer's token is of one person (--person), or of an app that names the person (--on-behalf)"
    if binding.on_behalf and role not in (Role.ENGINEER, Role.DISPATCHER, Role.LEAD):
        return f"a token of role {role} speaks for no persons; leave --on-behalf out"
    if (binding.source or binding.all_sources) and role is not Role.SOURCE:
        return f"a token of role {role} is of no source; leave --source and --all-sources out"
    if binding.source and binding.all_sources:
        return "give --source or --all-sources, not both"
    if binding.regions and role not in (Role.DISPATCHER, Role.LEAD):
        return f"a token of role {role} is of no region; leave --region out"
    return None


def may(client: Client, wanted: type[Command] | Access) -> bool:
    """Say whether the client's role allows a command or an access; which tickets it then reaches is its scope's."""
    return allows(client.role, wanted) and lacks(client, wanted) is None


def lacks(client: Client, wanted: type[Command] | Access) -> Text | None:
    """Say what the client's binding lacks for an access that its role allows."""
    binding = client.binding
    if wanted is Access.STREAM and (binding.regions or (client.role is Role.ENGINEER and binding.person)):
        return _SOME_TICKETS
    if wanted is Access.PRACTISE and binding.on_behalf:
        return _SEVERAL_PERSONS
    if wanted is Access.INSIGHT and client.scope("") is not None:
        return _SOME_TICKETS
    if wanted in _DECIDED and binding.bound and not binding.person:
        how, about = f"ticketbus client bind {client.name} --person …", _DECIDED[wanted]
        return Text(
            f"处理{about.zh}须署名:{how}", f"a person decides about {about.en}, and this token is of none: {how}"
        )
    return None
