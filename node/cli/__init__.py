"""The `till` command: click wiring only, a module per command group."""
