"""Tests of personal data: what is held of a person is given out, and who read it is recorded (R50)."""
