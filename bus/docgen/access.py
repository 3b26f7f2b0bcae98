"""The page of who may do what, drawn from the table of roles and what tokens are bound to."""

from bus.docgen.markdown import codes, document, table
from bus.domain.naming import kebab
from bus.gateway.auth.binding import BOUND_ROLES
from bus.gateway.auth.roles import GRANTS, Role

_ABOUT = """\
Every client has a token with one role, and the token is bound to what it speaks for. The role says which commands and
reads are allowed, the binding says whose tickets they reach and who acts. Both are decided on the ticket as it stands
when the command takes effect. A request with a body that is not allowed, by role or binding, is 403 and kept as
rejected input, as all refused input is (10,000 a client and day). A read has no body to keep: its 403 is a line of the
log (`request_refused`) and counted (`ticketbus_http_requests_total` with status 403). A ticket that a read does not
reach answers as one that is not there. Lists are narrower: a person's show the tickets assigned to the person, a
source's those that it opened.

```sh
ticketbus client add crm --role source                            # the tickets of the source crm
ticketbus client add etl --role source --all-sources
ticketbus client add wang --role engineer --person 王磊           # the tickets of 王磊, who acts
ticketbus client add engineer-app --role engineer --on-behalf     # each request names the person: `actor`, `?person=`
ticketbus client add desk-east --role dispatcher --region 华东
ticketbus client add lead-east --role lead --region 华东 --person 张组长   # acknowledges escalations
ticketbus client add zhang --role sre --person 张工 --expires-days 90   # reads dead letters, and decides about them
ticketbus client renew zhang --keep-hours 24                      # a new token; the old one is good for a day more
ticketbus client add dashboards --role sre                        # reads them
ticketbus client add prometheus --role host                       # an Alertmanager's alerts; readings of a host
ticketbus client bind OLD --on-behalf                             # of an earlier version; its token stays
ticketbus client bind desk-east --person 王芳                      # its regions stay; --all-regions takes them off
ticketbus client list
```

A client of an earlier version is not bound: it reaches all tickets that its role may, and `client list` says so until
`client bind` binds it. About dead letters, alerts, people and escalations a person decides: a bound token that is of
nobody reads them, and no more; one of an earlier version, or the first admin's, decides under its own name until it is
bound.
Whoever has `decide-maps` may not reach further by a map than what is sent to its source: a map that names a secret
which does not begin with the source's name, that sends one to where it asks, or that reads files, a topic, an MQTT
broker or addresses inside, is for who may use the server
([which, and why](plugging-in-sources.md#what-only-the-server-may)).
With `TICKETBUS_TWO_PERSONS=1` a redrive is frozen and let go by two persons, whose tokens are bound to them, and
letters are retried one at a time.

Who acts (`actor`) is the person that a token is bound to. An app with `--on-behalf` names one in each request; any
other bound token acts under its own name, and naming another is 403 (`not_yours`). A token that is not bound may still
name anybody. Webhooks act as their source, which names its own people in `by`; records on `ticket.commands` carry
source and actor themselves, and whoever may write that topic is believed
([what is proven](securing.md#what-is-proven-and-what-is-not)). Such an actor is as the source says, not proven, and may
have the name of a person of yours: read it with the `source` that stands beside it in every event. No name is the bus's
own, or reads like it.

A source reaches a ticket also when it reported on it, and a report joins the open ticket of its incident key. So a
source that knows or guesses the serial, order or phone of another's open ticket can join it, and reads it from then on;
its report stands in the ticket's events under its name. Sources that may not see each other's tickets want keys that
nobody guesses, or a bus each.

One bus serves one operator. A region is a scope of that operator's dispatchers and leads, not a tenant:
[what two operators on one bus would see of each other](operating.md#one-bus-one-operator)."""
_HEADS = ("Role", "Bound to", "Whose tickets", "Commands", "Beside them")
_BOUND: dict[Role, tuple[str, str]] = {
    Role.SOURCE: (
        "a source (`--source`, else its own name), or `--all-sources`",
        "those that the source opened or reported on",
    ),
    Role.ENGINEER: (
        "a person (`--person`), or the person each request names (`--on-behalf`)",
        "those of which the person is assignee or backup; the stream is for apps, a person's own come as pushes",
    ),
    Role.DISPATCHER: (
        "regions (`--region`), a person, or the person each request names",
        "those of the regions, and no stream then, else all",
    ),
    Role.LEAD: ("as a dispatcher", "those of the regions, else all"),
}
_PERSON_TO_DECIDE = (
    "a person (`--person`), for `decide-letters`, `decide-alerts`, `decide-consumers` and `decide-maps`",
    "all",
)
_UNBOUND: dict[Role, tuple[str, str]] = {
    Role.HOST: ("nothing: its name is the host's, or the Alertmanager's", "none"),
    Role.SRE: _PERSON_TO_DECIDE,
    Role.ADMIN: _PERSON_TO_DECIDE,
}


def page() -> str:
    """Draw docs/access.md. Pure."""
    assert set(_BOUND) == BOUND_ROLES
    return document(
        "Who may do what 谁可以做什么",
        "bus/gateway/auth/roles.py and binding.py",
        _ABOUT,
        table(_HEADS, (_row(role) for role in Role)),
    )


def _row(role: Role) -> tuple[str, ...]:
    grant, (bound, whose) = GRANTS[role], (_BOUND | _UNBOUND).get(role, ("nothing", "all"))
    return (
        f"`{role.value}`",
        bound,
        whose,
        codes(sorted(map(kebab, grant.commands))),
        codes(sorted(one.value for one in grant.accesses)),
    )
