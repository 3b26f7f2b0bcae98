"""The rig that tests of peers stand on."""

from tests.stage.conftest import rig

__all__ = ("rig",)
