"""纷享销客's OpenAPI with its new authorization: who calls, one token, a budget of calls, and what answers mean."""
