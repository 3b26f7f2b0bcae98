"""Personal data (R50): what the bus holds of a person, and who read it in clear."""
