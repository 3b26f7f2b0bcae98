"""Answers of other systems to a call: their words, their fields, and what they mean; shared by the adapters."""
