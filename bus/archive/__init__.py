"""The archive: events of closed tickets, a month in a Parquet file, and how they are read there."""
