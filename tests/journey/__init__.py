"""Tests of a ticket's journey."""
