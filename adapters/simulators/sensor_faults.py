"""What devices do wrong, and what is wrong at them."""

from enum import StrEnum


class SensorFault(StrEnum):
    """What a device does wrong, or what is wrong at it."""

    HOT = "its value is beyond the limit"
    FLAP = "its value is beyond the limit and back, in turn"
    SILENT = "it sends nothing"
    NOT_A_NUMBER = "its value is NaN, which is not JSON"
    AS_TEXT = "its value is a number in quotation marks"
    WITH_UNIT = "its value has a unit"
    GBK = "its text is in GBK"
    HUGE = "its message has 10 MB"
    RETAINED = "it sends a value beyond the limit that the broker keeps, then no more"
    CLOCK_AHEAD = "its clock is a day ahead"
    TWICE = "each reading comes twice"
    BATCH = "it sends ten readings in one message"
