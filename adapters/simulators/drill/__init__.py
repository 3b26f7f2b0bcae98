"""The January incident as a drill: the same three faults, on a real stack."""
