"""The bridge: takes messages in, puts exactly one effect of each on the chain, and answers in time."""
