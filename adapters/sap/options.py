"""Options of an SAP S/4 target: its address, one of two logins, and what a goods issue is made of."""

from datetime import timedelta
from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from adapters.adapter import EnvironmentSecrets
from adapters.http_options import HttpOptions
from adapters.outbound_http import HttpUrl
from adapters.sap.wire import BasicLogin, OAuthLogin, SapSettings
from bus.config_file import VariableName
from bus.domain.text import Text
from bus.duration import Duration

_USER: Final = ("user", "password")
_CLIENT: Final = ("token_url", "client_id", "client_secret")
_ONE_LOGIN: Final = Text(
    "请写 user 和 password,或 token_url、client_id 和 client_secret,二者之一",
    "has one login: user and password, or token_url, client_id and client_secret",
)


class SapOptions(HttpOptions):
    """`base_url` without /sap. `password` and `client_secret` name the environment variables that hold them.

    `client`: of SAP, three digits; without it the server's own. `unit`: in which parts are counted. `repeatable`: send
    RequestID and RepeatabilityCreation, where Gateway keeps its log of repeatable requests. `lookup_settles`: how long
    after a call whose end is unknown a look-up must still find nothing, before it is made again.
    """

    base_url: HttpUrl
    client: str = Field("", pattern=r"^([0-9]{3})?$")
    user: str = ""
    password: VariableName | None = None
    token_url: HttpUrl | None = None
    client_id: str = ""
    client_secret: VariableName | None = None
    scope: str = ""
    plant: str = Field(min_length=1, max_length=4)
    storage_location: str = Field(min_length=1, max_length=4)
    cost_center: str = Field(min_length=1, max_length=10)
    unit: str = Field("EA", min_length=1, max_length=3)
    repeatable: bool = False
    lookup_settles: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(hours=1))] = timedelta(minutes=2)

    @model_validator(mode="after")
    def _one_login(self) -> Self:
        given = [{name for name in login if getattr(self, name)} for login in (_USER, _CLIENT)]
        if given not in ([{*_USER}, set()], [set(), {*_CLIENT}]) or (self.scope and given[0]):
            raise ValueError(str(_ONE_LOGIN))
        return self

    def settings(self, secrets: EnvironmentSecrets) -> SapSettings:
        """Read the secret and give the adapter's settings. Raises ConfigFileInvalid."""
        login: BasicLogin | OAuthLogin
        if self.token_url is not None and self.client_secret is not None:
            secret = secrets.read(self.client_secret).get_secret_value()
            login = OAuthLogin(
                token_url=self.token_url, client_id=self.client_id, client_secret=secret, scope=self.scope
            )
        else:
            assert self.password is not None, "the model has one login"
            login = BasicLogin(user=self.user, password=secrets.read(self.password).get_secret_value())
        own = ("base_url", "client", "plant", "storage_location", "cost_center", "unit", "repeatable")
        return SapSettings(login=login, **{name: getattr(self, name) for name in own})
