"""Where an HTTP message ends, for loads and receivers that are to cost next to nothing."""

_LENGTH = b"content-length:"


def whole_head(got: bytearray) -> bytes | None:
    """Give the head, in lower case, once the whole message is there; it has a content-length."""
    end = got.find(b"\r\n\r\n")
    if end < 0:
        return None
    head = bytes(got[:end]).lower()
    length = int(head[head.index(_LENGTH) + len(_LENGTH) :].split(b"\r\n", 1)[0])
    return head if len(got) >= end + 4 + length else None
