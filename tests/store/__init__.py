"""Tests of where a change becomes true, and of how Kafka learns it: the stores' contract and the relay."""
