"""XML of other systems: read without document types and entities, which blow up. Pure."""

from xml.etree.ElementTree import Element

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring


def xml_root(content: str | bytes) -> Element | None:
    """Parse XML, bytes by the encoding that they declare; None where it is none, or has a document type."""
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):  # LookupError: an encoding that nobody knows
        return None
    return root
