"""Notes of subscriptions that a test can look at."""

from collections.abc import Sequence


class FakeSubscriptionNotes:
    """Remembers who was refused and whose streams are open."""

    def __init__(self) -> None:
        self.refusals: list[tuple[str, str, str, str]] = []
        self.opens: list[tuple[str, str]] = []

    def refused(self, client: str, topic: str, nearest: str, host: str) -> None:
        """Remember."""
        self.refusals.append((client, topic, nearest, host))

    def opened(self, client: str, topics: Sequence[str]) -> None:
        """Remember."""
        self.opens += [(client, topic) for topic in topics]

    def closed(self, client: str, topics: Sequence[str]) -> None:
        """Forget."""
        for topic in topics:
            self.opens.remove((client, topic))
