"""The journal: the only writer of the bridge's state. Public names stand in `store` and `entry`."""
