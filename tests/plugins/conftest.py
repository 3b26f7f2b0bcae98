"""Keeps the packages' own tests out of this run: they run where the packages are installed."""

collect_ignore = ["notice_board"]
