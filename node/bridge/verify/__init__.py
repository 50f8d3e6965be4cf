"""Verify: from a message to a payment or a reversal that may be journaled, or the reason why not.

Stage before: intake. Stage after: journal. It reads the directory (a picture of the chain) and keys; it writes nothing.
"""
