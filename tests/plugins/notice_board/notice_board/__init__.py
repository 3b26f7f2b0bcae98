"""A notice board on which tickets are pinned, and on which people leave notes of faults."""

from notice_board.notes import NOTES
from notice_board.pins import BOARD

__all__ = ["BOARD", "NOTES"]
