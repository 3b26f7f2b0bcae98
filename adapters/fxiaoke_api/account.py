"""Who calls 纷享销客, and how often: the same words in the map of a source and in the options of a target."""

from dataclasses import dataclass, field
from typing import Annotated, Final

import httpx2
from pydantic import AfterValidator, BeforeValidator, Field

from adapters.adapter import EnvironmentSecrets
from adapters.map_faults import fault
from adapters.mapping.field_values import MapPart
from adapters.outbound_http import HttpUrl
from bus.config_file import VariableName, in_form
from bus.domain.text import Text

CALLS_MAX: Final = 100  # of one interface in WINDOW_S, whatever a tenant has bought
WINDOW_S: Final = 20.0
CUSTOM: Final = "__c"  # ends the name of an object, or a field, that a tenant has made
_WEB_SITE: Final = "www.fxiaoke.com"


def _api(url: str) -> str:
    read = httpx2.URL(url)
    if read.host == _WEB_SITE:
        raise fault(
            f"{_WEB_SITE} 是网站,不是接口;应为 https://open.fxiaoke.com 或所在云的 open-… 域名",
            f"{_WEB_SITE} is the web site: the API is at https://open.fxiaoke.com, or at open-… of the tenant's cloud",
        )
    if read.path.strip("/") or read.query or read.fragment:
        raise fault("只写协议和域名,不写路径", "is scheme and host alone, without a path")
    return url.rstrip("/")


def _text(given: object) -> object:
    return str(given) if isinstance(given, int) and not isinstance(given, bool) else given


ApiUrl = Annotated[HttpUrl, AfterValidator(_api)]
UserId = Annotated[
    str,
    BeforeValidator(_text),
    in_form(r"[0-9A-Za-z_-]{1,64}", Text("应为员工 ID,如 1000", "an employee's id is meant, such as 1000")),
]
ObjectName = Annotated[
    str,
    in_form(
        r"[A-Za-z][0-9A-Za-z_]{0,99}",
        Text("应为对象的 apiName,如 CasesObj", "the apiName of an object is meant, such as CasesObj"),
    ),
]
FieldName = Annotated[
    str,
    in_form(
        r"[A-Za-z_][0-9A-Za-z_]{0,99}",
        Text("应为字段的 apiName,如 field_v24BD__c", "the apiName of a field is meant, such as field_v24BD__c"),
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FxiaokeLogin:
    """An account with its secrets, which its repr does not show."""

    base_url: str
    app_id: str
    app_secret: str = field(repr=False)
    permanent_code: str = field(repr=False)
    user_id: str
    calls_per_20_s: int
    calls_per_day: int | None
    private_addresses: bool


class FxiaokeAccount(MapPart):
    """An app of the tenant's own. `app_secret` and `permanent_code` name the environment variables that hold them.

    `user_id`: the employee whose rights count. `calls_per_20_s`: of each interface, by one program of ours;
    `calls_per_day`: of all interfaces together, not counted where it is left out. `private_addresses`: whether it may
    be at a private, loopback or link-local address, as a stand-in is.
    """

    base_url: ApiUrl = "https://open.fxiaoke.com"
    app_id: Annotated[str, Field(min_length=1, max_length=100)]
    app_secret: VariableName
    permanent_code: VariableName
    user_id: UserId
    calls_per_20_s: Annotated[int, Field(ge=1, le=CALLS_MAX)] = CALLS_MAX
    calls_per_day: Annotated[int, Field(ge=1)] | None = None
    private_addresses: bool = False

    def login(self, secrets: EnvironmentSecrets) -> FxiaokeLogin:
        """Read the secrets. Raises ConfigFileInvalid."""
        return FxiaokeLogin(
            base_url=self.base_url,
            app_id=self.app_id,
            app_secret=secrets.read(self.app_secret).get_secret_value(),
            permanent_code=secrets.read(self.permanent_code).get_secret_value(),
            user_id=self.user_id,
            calls_per_20_s=self.calls_per_20_s,
            calls_per_day=self.calls_per_day,
            private_addresses=self.private_addresses,
        )
