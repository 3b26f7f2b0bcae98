"""Options of U8 targets: where it is, the variables of its credentials, and what every bill's head must have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from adapters.adapter import EnvironmentSecrets
from adapters.http_options import HttpOptions
from adapters.outbound_http import HttpUrl
from bus.config_file import VariableName, in_form
from bus.domain.text import Text
from bus.duration import Duration

Code = Annotated[str, Field(min_length=1)]
_OWN_FIELD: Final = in_form(
    "define(?:[1-9]|1[0-6])", Text("应为 define1 至 define16", "is one of define1 to define16: the head's own fields")
)
Defines = Mapping[Annotated[str, _OWN_FIELD], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class BillHead:
    """What the head of every bill has, by U8's names; without what is left empty."""

    fields: Mapping[str, str]


class U8Options(HttpOptions):
    """What both interfaces need of a bill's head: `warehousecode` 仓库, `receivecode` 收发类别, own fields.

    `lookup_settles`: how long after a call whose end is unknown a look-up must still find nothing, before it is made
    again: what U8 has queued is done by then, or never will be.
    """

    warehousecode: Code
    receivecode: Code
    departmentcode: str = ""
    maker: str = ""
    defines: Defines = Field(default_factory=dict)
    lookup_settles: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(hours=1))] = timedelta(minutes=2)

    def head(self, **more: str) -> BillHead:
        """Give the head's fields, and those of one interface alone."""
        named = {"warehousecode": self.warehousecode, "receivecode": self.receivecode}
        named |= {"departmentcode": self.departmentcode, "maker": self.maker, **more, **self.defines}
        return BillHead(fields={name: value for name, value in named.items() if value})


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenApiSettings:
    """Where OpenAPI is, who we are there, and how bills are made. Its repr shows no credentials."""

    base_url: str
    from_account: str = field(repr=False)
    to_account: str = field(repr=False)
    app_key: str = field(repr=False)
    app_secret: str = field(repr=False)
    ds_sequence: int
    sync: bool
    verify: bool
    head: BillHead
    lookup_settles_s: float


class U8OpenApiOptions(U8Options):
    """`app_secret` names the environment variable that holds it.

    `ds_sequence`: which data source of the app. `sync`: U8 answers when the bill is made, not before. `verify`: the
    bill is audited as well; without, a saved bill counts as issued and people audit it.
    """

    base_url: HttpUrl = "https://api.yonyouup.com"
    from_account: Code
    to_account: Code
    app_key: Code
    app_secret: VariableName
    ds_sequence: int = Field(default=1, ge=1)
    sync: bool = False
    verify: bool = True

    def settings(self, secrets: EnvironmentSecrets) -> OpenApiSettings:
        """Read the secret and give the adapter's settings. Raises ConfigFileInvalid."""
        return OpenApiSettings(
            base_url=self.base_url.rstrip("/"),
            from_account=self.from_account,
            to_account=self.to_account,
            app_key=self.app_key,
            app_secret=secrets.read(self.app_secret).get_secret_value(),
            ds_sequence=self.ds_sequence,
            sync=self.sync,
            verify=self.verify,
            head=self.head(),
            lookup_settles_s=self.lookup_settles.total_seconds(),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EaiSettings:
    """Where EAI is, and who we are there. The sender's code is its only credential: its repr does not show it."""

    url: str
    sender: str = field(repr=False)
    receiver: str
    content_type: str
    head: BillHead
    lookup_settles_s: float


class U8EaiOptions(U8Options):
    """`url` is the whole address, with /u8eai/import.asp. `sender` names the variable that holds the sender's code.

    That code is all that EAI asks for, and it selects the account set: it is kept as a secret.
    """

    url: HttpUrl
    sender: VariableName
    receiver: Code = "u8"
    personcode: str = ""
    templatenumber: str = ""
    content_type: Literal["application/x-www-form-urlencoded", "application/xml"] = "application/x-www-form-urlencoded"

    def settings(self, secrets: EnvironmentSecrets) -> EaiSettings:
        """Read the sender's code and give the adapter's settings. Raises ConfigFileInvalid."""
        return EaiSettings(
            url=self.url,
            sender=secrets.read(self.sender).get_secret_value(),
            receiver=self.receiver,
            content_type=self.content_type,
            head=self.head(personcode=self.personcode, templatenumber=self.templatenumber),
            lookup_settles_s=self.lookup_settles.total_seconds(),
        )
