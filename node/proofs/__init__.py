"""Proofs that need no network: what a payment, or a member's balance, was in a block that the validators signed.

docs/proofs.md says the same for other languages. Needs the domain, `cryptography` (Ed25519), `rlp`, and no connection.
"""
