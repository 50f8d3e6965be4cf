"""The pure core: ids, payments, reward arithmetic and errors; no I/O, no clock, no randomness."""
