"""`ticketbus doctor`: what is wrong with the bus, or soon will be, by one file a check, each with its mend."""
