"""Everything that talks Ethereum JSON-RPC or signs: the only importer of web3's libraries besides node/consensus."""
