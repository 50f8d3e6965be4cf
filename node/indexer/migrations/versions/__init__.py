"""Each step up, and down again."""
