"""What is asked of 纷享销客: paths, and the bodies of questions and changes. Pure.

The object's name stands inside `object_data` where something is created or changed, and beside it in questions. Flows
of approval and work are switched off: they would begin by themselves.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import uuid4

from adapters.fxiaoke_api.account import CUSTOM, FxiaokeLogin

TOKEN: Final = "/oauth2.0/token"  # noqa: S105 - it is a path, no secret
ROWS_MAX: Final = 100  # of a page
ID, CHANGED_AT, OBJECT = "_id", "last_modified_time", "object_describe_api_name"


def path(object_name: str, action: str) -> str:
    """Give the path of an action, `query`, `create` or `update`: objects that a tenant has made have another."""
    custom = "custom/" if object_name.endswith(CUSTOM) else ""
    return f"/cgi/crm/{custom}v2/data/{action}"


def traced(at: str) -> str:
    """Add the id that every request has of its own."""
    return f"{at}?thirdTraceId={uuid4()}"


def token_request(login: FxiaokeLogin) -> Mapping[str, Any]:
    """Ask for a token."""
    return {
        "appId": login.app_id,
        "appSecret": login.app_secret,
        "permanentCode": login.permanent_code,
        "grantType": "app_secret",
    }


def condition(field_name: str, operator: str, *values: str) -> Mapping[str, Any]:
    """Give one condition of a question; several hold together."""
    return {"field_name": field_name, "operator": operator, "field_values": list(values)}


def query(
    object_name: str, filters: Sequence[Mapping[str, Any]], *, limit: int = ROWS_MAX, fields: Sequence[str] = ()
) -> Mapping[str, Any]:
    """Ask for records in the order of their ids, without a count, which takes long."""
    asked: dict[str, Any] = {
        "limit": limit,
        "offset": 0,
        "filters": list(filters),
        "orders": [{"fieldName": ID, "isAsc": True}],
    }
    if fields:
        asked["fieldProjection"] = list(fields)
    data = {"dataObjectApiName": object_name, "find_explicit_total_num": False, "search_query_info": asked}
    return {"returnTotalNum": 3, "data": data}


def change(object_name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Create a record, or with `_id` among the values change those of one."""
    return {
        "triggerApprovalFlow": False,
        "triggerWorkFlow": False,
        "data": {"object_data": {"dataObjectApiName": object_name, **values}},
    }


def rows_in(content: Mapping[str, Any], object_name: str) -> Sequence[Mapping[str, Any]] | None:
    """Give the records of a question's answer; None where it is none: no list, a record without id, another object."""
    match content.get("data"):
        case {"dataList": list() as rows} if all(_is_row(one, object_name) for one in rows):
            return rows
        case _:
            return None


def _is_row(row: object, object_name: str) -> bool:
    match row:
        case {"_id": str(row_id), **rest}:
            return bool(row_id) and rest.get(OBJECT, object_name) == object_name
        case _:
            return False
