"""The whole bus as its users meet it: real processes, real parts."""
