"""The index: every block of a chain, checked and decoded, as rows of an SQL database (docs/indexer.md)."""
