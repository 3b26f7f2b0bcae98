"""The page of an engineer who has no app: what a link opens, what it shows, its files, and what it sends."""
