"""What the contracts beside the ledger pay, recomputed from their terms: fees and payouts, rebates, incentive."""
