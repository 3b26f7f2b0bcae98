"""Packages of others, as far as the bus is concerned: installed beside it, found by their entry points."""
