"""Files of our store that evidence names: an image is a photo, and nothing else is (R14)."""

from collections.abc import Callable

import pytest

from bus.domain.closing_commands import Resolve
from bus.domain.commands import AddEvidence, Command
from bus.domain.errors import CommandRefused
from bus.domain.named_files import check_files, file_uri
from bus.domain.terms import EvidenceKind
from bus.domain.work_order_commands import SignStep

TEXT, IMAGE = "a" * 64, "b" * 64
KNOWN = {TEXT: "text/plain", IMAGE: "image/heic"}


@pytest.mark.parametrize(
    ("as_photo", "field"),
    [
        (lambda uri: AddEvidence(kind=EvidenceKind.PHOTO, uri=uri), "uri"),
        (lambda uri: Resolve(photos=("https://p.example/1.jpg", uri)), "photos"),
        (lambda uri: SignStep(step="cut-power", photos=(uri,)), "photos"),
    ],
)
def test_named_files_a_photo_is_an_image_r14(as_photo: Callable[[str], Command], field: str) -> None:
    check_files(as_photo(file_uri(IMAGE)), KNOWN)
    with pytest.raises(CommandRefused) as refused:
        check_files(as_photo(file_uri(TEXT)), KNOWN)
    assert (refused.value.code, refused.value.field) == ("no_image", field)


def test_named_files_other_evidence_is_of_any_type() -> None:
    for kind in (EvidenceKind.VIDEO, EvidenceKind.DOCUMENT, EvidenceKind.LOG):
        check_files(AddEvidence(kind=kind, uri=file_uri(TEXT)), KNOWN)
