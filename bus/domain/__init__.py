"""The ticket domain, pure. Read transitions, decide, ticket, events, commands, in this order."""
