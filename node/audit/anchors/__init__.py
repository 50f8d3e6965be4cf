"""Blocks of this chain written down on another one, and held against the chain by an audit."""
