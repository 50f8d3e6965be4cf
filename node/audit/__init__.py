"""What an auditor recomputes: every point and every cent from blocks alone, held against the chain's state."""
