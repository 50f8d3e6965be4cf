"""The demonstration: real days of shop payments, from the till to the chain and back into a recomputation."""
