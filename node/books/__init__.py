"""Double-entry books of everything that the contracts hold and owe, made from an audit's replay."""
