"""How many objects a run of 15 minutes gets through, by the memory setting of the function."""

from dataclasses import dataclass

from cases import COPY_S, IN_FLIGHT, KEYS_PER_PAGE, LIST_S

# A function has as much of a processor as it has of this memory. What more than one brings was not measured.
MEMORY_OF_A_CPU = 1_769
SETTINGS = (128, 256, 512, 1_024, 1_769, 3_008)
# 15 minutes, in the last of which nothing new is begun.
SECONDS = 14 * 60
# What S3 promises a prefix.
WRITES_PER_SECOND = 3_500
# As src/config/reader.rs derives it.
IN_FLIGHT_PER_MIB = 4


@dataclass(frozen=True)
class Costs:
    """CPU seconds, as measured, and how many listings were under way at once."""

    per_unchanged: float
    per_copied: float
    listings_at_once: int


def share(memory: int) -> float:
    return min(memory / MEMORY_OF_A_CPU, 1)


def unchanged(memory: int, costs: Costs) -> float:
    """Each object is in a listing of either side."""
    by_cpu = SECONDS * share(memory) / costs.per_unchanged
    by_waiting = SECONDS * costs.listings_at_once / LIST_S * KEYS_PER_PAGE / 2
    return min(by_cpu, by_waiting)


def copied(memory: int, costs: Costs) -> float:
    by_cpu = SECONDS * share(memory) / costs.per_copied
    by_waiting = SECONDS * min(IN_FLIGHT, memory * IN_FLIGHT_PER_MIB) / COPY_S
    return min(by_cpu, by_waiting, SECONDS * WRITES_PER_SECOND)


def rounded(objects: float) -> str:
    """Two digits are all that this is worth; never more than was computed."""
    step = 10 ** max(len(str(int(objects))) - 2, 0)
    return f"{int(objects) // step * step:,}"
