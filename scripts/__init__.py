"""Scripts that an operator, a merchant or a member runs with brownie, and what they share."""
