"""Run `python -m bus …` as `ticketbus …`: the supervisor starts the programs this way."""

from bus.cli import main

main()
