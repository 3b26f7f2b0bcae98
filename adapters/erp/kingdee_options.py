"""Options of a Kingdee K3Cloud target: its address and the variables of its credentials."""

from pydantic import Field

from adapters.adapter import EnvironmentSecrets
from adapters.erp.kingdee_wire import KingdeeSettings
from adapters.http_options import HttpOptions
from adapters.outbound_http import HttpUrl
from bus.config_file import VariableName


class KingdeeOptions(HttpOptions):
    """`base_url` without /k3cloud. `app_secret` names the environment variable that holds it.

    `signed`: sign each request, as for the vendor's public cloud, instead of a login; `signed_org` is the number of the
    organisation that requests are signed for, 0 for the user's own.
    """

    base_url: HttpUrl
    acct_id: str = Field(min_length=1)
    user: str = Field(min_length=1)
    app_id: str = Field(min_length=1)
    app_secret: VariableName
    org: str = Field(min_length=1)
    stock: str = Field(min_length=1)
    department: str = ""
    bill_type: str = "QTCKD01_SYS"
    signed: bool = False
    signed_org: str = Field("0", min_length=1, pattern=r"^[^,]+$")

    def settings(self, secrets: EnvironmentSecrets) -> KingdeeSettings:
        """Read the secret and give the adapter's settings. Raises ConfigFileInvalid."""
        secret = secrets.read(self.app_secret).get_secret_value()
        return KingdeeSettings(**{**self.model_dump(exclude=set(HttpOptions.model_fields)), "app_secret": secret})
