"""Process managers: what turns a ticket's deadlines into commands."""
