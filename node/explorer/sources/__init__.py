"""Sources of contracts, verified by compiling them again and comparing with what is on the chain."""
