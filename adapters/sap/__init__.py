"""SAP S/4: requests for parts become goods issues; the result goes back to the ticket."""
