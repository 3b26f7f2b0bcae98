"""A link to a map: to coordinates, else to a search for an address. Pure.

Forms: lbs.amap.com/api/uri-api (marker, search), lbs.qq.com (uri/v1: marker, search). Coordinates are taken for GCJ-02,
as phones in China give them.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal
from urllib.parse import quote

Maps = Literal["amap", "tencent"]
_POINT: Final = re.compile(r"\s*(-?\d{1,3}\.\d{2,})\s*[,,\s]\s*(-?\d{1,3}\.\d{2,})\s*")
_NAME_CHARS_MAX: Final = 40
_ADDRESS_CHARS_MAX: Final = 100
_WE: Final = "ticketbus"


def map_link(document: Mapping[str, Any], maps: Maps) -> str:
    """Link to the event's place where it is coordinates, else to the site's address, else to the place's words.

    Empty where there is none of them.
    """
    ticket, event = document["ticket"], document["event"]
    place, address = str(event.get("place") or ""), str((ticket.get("customer") or {}).get("address") or "")
    if found := _POINT.fullmatch(place):
        one, other = found.groups()
        # In China the larger of the two is the longitude, whoever wrote which first.
        longitude, latitude = sorted((one, other), key=float, reverse=True)
        return _marker(longitude, latitude, str(ticket.get("ticket_id", "")), maps)
    words = " ".join((address or place).split())[:_ADDRESS_CHARS_MAX]
    return _search(words, maps) if words else ""


def _marker(longitude: str, latitude: str, name: str, maps: Maps) -> str:
    name = quote(name[:_NAME_CHARS_MAX], safe="")
    if maps == "amap":
        return f"https://uri.amap.com/marker?position={longitude},{latitude}&name={name}&src={_WE}&callnative=1"
    return (
        f"https://apis.map.qq.com/uri/v1/marker?marker=coord:{latitude},{longitude};title:{name};addr:{name}"
        f"&referer={_WE}"
    )


def _search(words: str, maps: Maps) -> str:
    words = quote(words, safe="")
    if maps == "amap":
        return f"https://uri.amap.com/search?keyword={words}&view=map&src={_WE}&callnative=1"
    return f"https://apis.map.qq.com/uri/v1/search?keyword={words}&region=&referer={_WE}"
