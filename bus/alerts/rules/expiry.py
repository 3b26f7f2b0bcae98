"""Rules of what ends on a day that is known: clients' tokens, and certificates that programs use."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from shlex import quote
from typing import Final

from bus.alerts.alert import Alert, Severity
from bus.alerts.rule import AlertRule
from bus.alerts.rule_names import RuleName
from bus.domain.text import Text
from bus.domain.time_text import WITH_THE_YEAR, time_text
from bus.postgres.pool import Connection, read_rows

MARKS: Final = (  # left, and how soon a person must act
    (timedelta(days=1), Severity.P1),
    (timedelta(days=7), Severity.P2),
    (timedelta(days=30), Severity.P3),
)
LISTED_AFTER: Final = timedelta(days=7)  # an end so long ago is no news, and nobody minded
# Clients of persons who signed in at a provider end with their shift, and begin anew.
_TOKENS: Final = b"""
SELECT name AS what, expires_at AS ends_at, '' AS where_it_is FROM clients
WHERE name NOT LIKE 'oidc-%%' AND revoked_at IS NULL
    AND expires_at BETWEEN now() - %s::interval AND now() + %s::interval ORDER BY name"""
# A certificate that no worker reads any more is nobody's.
_CERTIFICATES: Final = b"""
SELECT used_by AS what, ends_at, host || ':' || path AS where_it_is FROM certificates
WHERE read_at > now() - interval '1 day' AND ends_at BETWEEN now() - %s::interval AND now() + %s::interval
ORDER BY used_by, host"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expiry:
    """What ends, and when; `where_it_is`: host and file of a certificate."""

    what: str
    ends_at: datetime
    where_it_is: str = ""


Expiries = Sequence[Expiry]


def severity_before(left: timedelta) -> Severity | None:
    """Say how soon a person must act on what ends so soon; None: not yet. Pure."""
    return next((severity for mark, severity in MARKS if left <= mark), None)


def _expiring(
    name: RuleName, title: Text, query: bytes, words: Callable[[Expiry, Text], Text], mend: Callable[[Expiry], str]
) -> AlertRule[Expiries]:
    """Make the rule of one kind of thing that ends; of one that stands on several hosts the first to end counts."""

    async def read(connection: Connection) -> Expiries:
        return await read_rows(connection, query, Expiry, (LISTED_AFTER, MARKS[-1][0]))

    def evaluate(found: Expiries, now: datetime) -> Sequence[Alert]:
        alerts = dict[str, Alert]()
        for one in sorted(found, key=lambda each: each.ends_at, reverse=True):
            severity = severity_before(one.ends_at - now)
            if severity and now - one.ends_at < LISTED_AFTER:
                text = words(one, _when(one.ends_at, now))
                alerts[one.what] = Alert(
                    rule=name, about=one.what, zh=text.zh, en=text.en, mend=mend(one), severity=severity
                )
        return [*alerts.values()]

    return AlertRule(
        name=name,
        severity=Severity.P3,
        title=title,
        read=read,
        evaluate=evaluate,
        fires=lambda now: [Expiry(what="crm", ends_at=now + timedelta(days=6), where_it_is="host-1:/etc/crm.pem")],
        quiet=lambda now: [Expiry(what="crm", ends_at=now + timedelta(days=31), where_it_is="host-1:/etc/crm.pem")],
    )


def _when(ends_at: datetime, now: datetime) -> Text:
    at = time_text(ends_at, WITH_THE_YEAR)
    if ends_at <= now:
        return Text(f"已于 {at.zh} 过期", f"ended at {at.en}")
    return Text(f"将于 {at.zh} 过期", f"ends at {at.en}")


CLIENT_EXPIRES: Final = _expiring(
    RuleName.CLIENT_EXPIRES,
    Text("令牌即将过期", "a client's token ends"),
    _TOKENS,
    lambda one, when: Text(
        f"客户端 {one.what} 的令牌{when.zh},之后其请求一律被拒(401)",
        f"the token of the client {one.what} {when.en}; from then on its requests are refused (401)",
    ),
    lambda one: f"ticketbus client renew {one.what}",
)
CERTIFICATE_EXPIRES: Final = _expiring(
    RuleName.CERTIFICATE_EXPIRES,
    Text("证书即将过期", "a certificate ends"),
    _CERTIFICATES,
    lambda one, when: Text(
        f"{one.what} 的证书({one.where_it_is}){when.zh},之后连接失败;请换好文件并重启使用它的程序(网关会自行重读证书)",
        f"the certificate of {one.what} ({one.where_it_is}) {when.en}, and connections fail from then on; replace the "
        "file and restart the programs that use it (a gateway reads its own anew)",
    ),
    lambda one: f"openssl x509 -noout -enddate -in {quote(one.where_it_is.partition(':')[2])}",
)
EXPIRY_RULES: Final = (CLIENT_EXPIRES, CERTIFICATE_EXPIRES)
