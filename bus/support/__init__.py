"""`ticketbus support bundle`: what somebody who helps from afar needs to see, without personal data and secrets."""
