"""Tests of the golden metrics."""
