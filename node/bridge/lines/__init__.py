"""Line items at rest: encrypted for the merchant, shown to whom it grants a view, checked against the chain's root.

Beside the stages: verify packs a basket (basket.py), the journal's writer seals it (basket_keeper.py), people
and the JSON-RPC intake read it.
"""
