"""The history adapter: a source's audit log of tickets, row by row, turned into commands of the past."""
