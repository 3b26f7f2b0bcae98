"""Adapters: one folder a system; each translates one protocol into commands or deliveries, and none imports another.

What they share stands beside the folders, and in `answers`. Above them: `registry` lists them, `simulators` stand in
for their systems, `contract_suites` try them.
"""
