"""What the simulators of ERPs have in common: a stock, and books."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic

from adapters.simulators.fault_switches import FaultT
from adapters.simulators.faulty_simulator import FaultySimulator


@dataclass(slots=True, kw_only=True)
class ErpSimulator(FaultySimulator[FaultT], Generic[FaultT]):
    """An ERP whose store begins with a `stock`; what is left of it is in `books.stock`."""

    stock: Mapping[str, float]
    books: Any = field(init=False)  # each ERP's own
