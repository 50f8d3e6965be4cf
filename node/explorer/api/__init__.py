"""What programs ask the explorer: Etherscan's and Sourcify's ways, a REST API of the domain, and `eth_*`."""
