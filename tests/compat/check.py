"""What a check is: a client does something against a broker that was started for it."""

import dataclasses
import typing


@dataclasses.dataclass(frozen=True)
class Check:
    client: str  # as the compatibility table names it
    what: str
    function: typing.Callable  # of the running broker and a directory; what it returns is said
    properties: dict = dataclasses.field(default_factory=dict)  # of the broker
    part: str = "short"  # short, or what has to be asked for: java, clients

    @property
    def name(self):
        return f"{self.client}: {self.what}"
