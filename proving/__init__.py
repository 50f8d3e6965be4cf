"""What shows that the contracts are right beyond the tests: slither (`make slither`) and mutants (`make mutants`)."""
