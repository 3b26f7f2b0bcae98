"""Timers of processes stand on the rig of the read models whose deadlines they claim."""

from tests.projections.conftest import rig

__all__ = ["rig"]
