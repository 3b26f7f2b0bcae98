"""`ticketbus support bundle`: what it takes out of texts and logs."""
