"""纷享销客 as a target: what the bus writes back into its records."""
