"""An Alertmanager (`POST /api/v2/alerts`), which forgets what it is not sent again: so all goes there every minute."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Self

import orjson
from pydantic import model_validator

from adapters.adapter import ChannelAdapter, ChannelServices, EnvironmentSecrets
from adapters.answers.text import is_page, readable
from adapters.channels.channel_http import ChannelHttp
from adapters.channels.hidden_secrets import HiddenSecrets, secrets_of
from adapters.http_options import HttpOptions
from adapters.outbound_http import DIRECT, Egress, HttpUrl, retry_after_s
from bus.alerts.alert_json import alert_json
from bus.alerts.engine.channel import ChannelMessage, Notice, NotSent
from bus.alerts.engine.outside_alerts import OWN_LABEL
from bus.config_file import ConfigFileInvalid, VariableName
from bus.domain.text import Text
from bus.intake.dispatch import utc_now

PATH: Final = "/api/v2/alerts"
ENDS_AFTER: Final = timedelta(minutes=4)  # of one that is open: it is sent again three times before
_SEVERITIES: Final = {"p1": "critical", "p2": "warning", "p3": "info"}


class AlertmanagerOptions(HttpOptions):
    """`url` without /api/v2/alerts. `login_variable` holds user:password, `token_variable` a bearer token."""

    url: HttpUrl
    login_variable: VariableName | None = None
    token_variable: VariableName | None = None

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.login_variable and self.token_variable:
            words = Text(
                "login_variable 与 token_variable 只能写一个", "login_variable or token_variable, but not both"
            )
            raise ValueError(str(words))
        return self


class AlertmanagerChannel:
    """One Alertmanager, behind a proxy that asks for a login (user:password), a bearer token or nothing."""

    def __init__(
        self,
        url: str,
        *,
        login: str = "",
        token: str = "",
        egress: Egress = DIRECT,
        now: Callable[[], datetime] = utc_now,
    ) -> None:
        """Open nothing yet."""
        self._url, self._now = url.rstrip("/") + PATH, now
        by_login = {"authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
        self._headers = {"authorization": f"Bearer {token}"} if token else by_login
        self._secrets = HiddenSecrets(*secrets_of(url), login, login.partition(":")[2], token)
        self._http = ChannelHttp(egress)

    async def send(self, message: ChannelMessage) -> None:
        """Send the alerts of a message. Raises NotSent."""
        await self.refresh(message.notices)

    async def refresh(self, notices: Sequence[Notice]) -> None:
        """Send alerts: open ones end in four minutes unless they are sent again. Raises NotSent."""
        now = self._now()
        content = orjson.dumps([posted(one, now) for one in notices])
        with self._secrets.hidden():
            answer = await self._http.post(self._url, content, self._headers)
            words = readable(answer.body)
            if answer.status != 200 or answer.cut or is_page(answer.body.decode(errors="replace")):
                why = f"HTTP {answer.status} {answer.cut} {words}"
                raise NotSent(why, retry_after_s=retry_after_s(answer.headers, now))

    async def close(self) -> None:
        """Close connections; idempotent."""
        await self._http.close()


def posted(notice: Notice, now: datetime) -> dict[str, Any]:
    """Write an alert as Alertmanager takes it: labels, by which it is known, stay the same while it lasts. Pure."""
    words = alert_json(notice.alert)
    drill = {"drill": "true"} if notice.drill else {}
    region = {"region": str(notice.alert.facts["region"])} if notice.alert.facts.get("region") else {}
    labels = {
        "alertname": notice.alert.rule.value,
        "about": notice.alert.about,
        "severity": _SEVERITIES[notice.severity.value],
        OWN_LABEL[0]: OWN_LABEL[1],
    }
    notes = {"summary": f"{notice.title}: {notice.alert.about}", "description": f"{words['zh']}\n{words['en']}"}
    more = {"mend": words["mend"], "trace_id": words["trace_id"], "page": notice.page}
    return {
        "labels": {**labels, **region, **drill},
        "annotations": {**notes, **{name: text for name, text in more.items() if text}},
        "startsAt": notice.opened_at,
        "endsAt": notice.closed_at or now + ENDS_AFTER,
    }


def _build(options: AlertmanagerOptions, secrets: EnvironmentSecrets, services: ChannelServices) -> AlertmanagerChannel:
    login, token = (
        secrets.read(name).get_secret_value() if name else ""
        for name in (options.login_variable, options.token_variable)
    )
    if login and not all(login.partition(":")):
        name = options.login_variable
        form = Text(f"环境变量 {name} 的内容应为 用户名:密码", f"{name} is not user:password")
        raise ConfigFileInvalid(f"{secrets.where}.login_variable: {form}")
    egress = options.egress(secrets, services.now())
    return AlertmanagerChannel(options.url, login=login, token=token, egress=egress, now=services.now)


ADAPTER: Final = ChannelAdapter(name="alertmanager", options=AlertmanagerOptions, build=_build)
