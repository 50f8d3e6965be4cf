"""One module a step of the journal's schema."""
