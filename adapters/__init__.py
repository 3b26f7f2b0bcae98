"""Adapters: one folder a system; each translates one protocol into commands or deliveries, and none imports another."""
