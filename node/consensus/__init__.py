"""The validator application: an ABCI 2.0 server towards CometBFT, an Engine API client towards geth."""
