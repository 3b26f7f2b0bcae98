"""Tests of the contract with everyone outside: schemas, topics, bytes."""
