"""The wire format that a POS and the bridge share: ISO 8583:1987 messages, their framing, baskets and MACs; pure.

Used by bridge/intake_iso8583, bridge/verify and bridge/acknowledge on one side and by node/pos on the other.
"""
