"""Questions that people ask the chain, answered from the chain alone. Used by node/cli/ask."""
