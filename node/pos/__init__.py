"""The other side of the counter: POS terminals for the demo, the benchmark and the tests, over real connections."""
