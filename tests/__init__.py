"""Tests, mirroring the code; `test_tidy.py` keeps the house style."""
