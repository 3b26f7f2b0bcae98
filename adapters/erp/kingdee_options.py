"""What a targets file says of a Kingdee K3Cloud: where it is, and where its credentials stand."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from adapters.erp.kingdee_wire import KingdeeSettings
from bus.delivery.targets_config import VariableName, secret_of


class KingdeeOptions(BaseModel):
    """`base_url` without /k3cloud. `app_secret` names the environment variable that holds it."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    base_url: str = Field(pattern=r"^https?://[^\s/@]+(/[^\s]*)?$")
    acct_id: str = Field(min_length=1)
    user: str = Field(min_length=1)
    app_id: str = Field(min_length=1)
    app_secret: VariableName
    org: str = Field(min_length=1)
    stock: str = Field(min_length=1)
    department: str = ""
    bill_type: str = "QTCKD01_SYS"

    def settings(self, environment: Mapping[str, str], *, where: str) -> KingdeeSettings:
        """Read the secret and give the adapter's settings. Raises PlanWrong."""
        secret = secret_of(self.app_secret, environment, where=where).get_secret_value()
        return KingdeeSettings(**{**self.model_dump(), "app_secret": secret})
