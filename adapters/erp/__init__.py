"""The ERP's door: parts asked for become bills in the store's books, and what came of them goes back to the ticket."""
