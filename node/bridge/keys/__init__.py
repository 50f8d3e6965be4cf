"""The terminals' keys: in files, each wrapped under the bridge's master key; and what operators do with them."""
