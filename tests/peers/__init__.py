"""Tests with peers of other languages; `make peers` installs what they need, and says what is missing."""
