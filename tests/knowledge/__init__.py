"""Tests of the knowledge pool."""
