"""The ERP: requests for parts become bills; the result goes back to the ticket."""
