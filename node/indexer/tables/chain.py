"""What every EVM chain has: blocks, transactions, receipts, logs, calls, contracts, tokens and who holds them."""

from typing import Final

from sqlalchemy import Index, LargeBinary

from node.indexer.tables.kinds import NAME, NUMBER, changed, flag, key, number, octets, small, table, words

meta: Final = table(
    "meta",
    key(
        NAME,
        "name",
        "chain_id, genesis (block 0's hash), contracts (name=address), or a term of the ledger",
    ),
    words("value", "Its value"),
    comment="What this index is of; an index of another chain or deployment is refused",
)

blocks: Final = table(
    "blocks",
    key(NUMBER, "number", "Its height"),
    octets("hash", "Its hash, recomputed from the header's fields"),
    octets("parent", "The hash of the block before"),
    number("time", "Unix seconds"),
    octets(
        "proposer",
        "The fee recipient: who proposed it, where the chain pays fees to proposers; a network of ours has one for all",
    ),
    number("gas_used", "Gas"),
    number("gas_limit", "Gas"),
    number("base_fee", "Wei a gas"),
    number("size", "Bytes, as the node says"),
    number("transactions", "How many it holds"),
    number("logs", "How many events"),
    octets("state_root", "Of the state after it"),
    octets("transactions_root", "Checked against its transactions"),
    octets("receipts_root", "Checked against its receipts, and so against every log"),
    octets("extra_data", "The header's extra data"),
    flag("traced", "Whether its internal calls are in `calls` (till index calls --again fetches those that are not)"),
    Index("blocks_by_hash", "hash"),
    Index("blocks_by_proposer", "proposer", "number"),
    Index("blocks_by_time", "time", "number"),
    comment="Final blocks, block 0 included; the highest is how far the index is",
)

transactions: Final = table(
    "transactions",
    key(NUMBER, "block", "Its block"),
    key(NUMBER, "position", "Its index in the block"),
    octets("hash", "Its hash"),
    octets("sender", "20 bytes"),
    octets("receiver", "20 bytes; null for a creation", empty=True),
    number("nonce", "The sender's"),
    words("value", "Wei, decimal"),
    number("gas", "The gas it may use"),
    words("gas_price", "Wei a gas that was paid, decimal"),
    small("kind", "Its type: 0, 1 or 2"),
    octets("input", "Calldata"),
    Index("transactions_by_hash", "hash"),
    Index("transactions_by_sender", "sender", "block", "position"),
    Index("transactions_by_receiver", "receiver", "block", "position"),
    comment="Transactions",
)

receipts: Final = table(
    "receipts",
    key(NUMBER, "block", "Its block"),
    key(NUMBER, "position", "The transaction's index in the block"),
    flag("succeeded", "False when it reverted"),
    number("gas_used", "Gas"),
    number("cumulative_gas", "Gas of the block up to here"),
    octets("contract", "The contract that it made", empty=True),
    number("first_log", "The index in the block of its first log"),
    number("logs", "How many logs it has"),
    comment="What came of each transaction",
)

logs: Final = table(
    "logs",
    key(NUMBER, "block", "Its block"),
    key(NUMBER, "position", "Its index in the block"),
    number("transaction", "The index of its transaction in the block"),
    octets("address", "Who emitted it"),
    octets("topic0", "The event, as a hash", empty=True),
    octets("topic1", "The first indexed argument", empty=True),
    octets("topic2", "The second", empty=True),
    octets("topic3", "The third", empty=True),
    octets("data", "The other arguments, ABI-encoded"),
    words("event", "CONTRACT.EVENT if the ABI is known; node/indexer/decode.py gives the arguments", empty=True),
    Index("logs_by_address", "address", "topic0", "block", "position"),
    Index("logs_by_topic", "topic0", "block", "position"),
    Index("logs_by_emitter", "address", "block", "position"),
    comment="Every event, as in the receipts",
)

calls: Final = table(
    "calls",
    key(NUMBER, "block", "Its block"),
    key(NUMBER, "transaction", "The index of its transaction"),
    key(NUMBER, "position", "Its number in the transaction, in the order of the calls; 0 is the transaction itself"),
    number("parent", "The position of the call that made it; null for 0", empty=True),
    small("depth", "0 for the transaction itself"),
    words("kind", "CALL, STATICCALL, DELEGATECALL, CREATE, CREATE2, SELFDESTRUCT"),
    octets("sender", "20 bytes"),
    octets("receiver", "20 bytes; of a creation the new contract; null when it failed", empty=True),
    words("value", "Wei, decimal"),
    number("gas", "Given"),
    number("gas_used", "Used"),
    octets("input", "Calldata; empty at position 0, where the transaction has it"),
    octets("output", "What it returned; revert data when it failed"),
    words("error", "The machine's word for why it failed", empty=True),
    words("revert_reason", "The typed error or text in the revert data, in words", empty=True),
    Index("calls_by_receiver", "receiver", "block", "transaction", "position"),
    Index("calls_by_sender", "sender", "block", "transaction", "position"),
    comment="Internal calls, where the node lets its tracer be used; position 0 only of transactions that failed",
)

contracts: Final = table(
    "contracts",
    key(LargeBinary, "address", "20 bytes"),
    words("name", "Its name in the deployment or in block 0, if it is of the suite", empty=True),
    octets("creator", "The account or contract that made it; null in block 0", empty=True),
    number("block", "The block that made it"),
    number("transaction", "The index of the transaction that did; null in block 0", empty=True),
    comment="Contracts, made by transactions or (where calls are traced) by contracts",
)

tokens: Final = table(
    "tokens",
    key(LargeBinary, "address", "20 bytes"),
    small("standard", "20 or 721 (the Transfer event's third argument is indexed)"),
    words("name", "As the contract says, cut at 64 characters; null if it does not", empty=True),
    words("symbol", "As the contract says, cut at 64 characters; null if it does not", empty=True),
    small("decimals", "As the contract says; null if it does not", empty=True),
    number("block", "The block of its first transfer"),
    number("transfers", "How many there were"),
    words("minted", "Sum of transfers from address 0 less those to it, decimal (721: how many exist)"),
    comment="Contracts that emit Transfer",
)

token_transfers: Final = table(
    "token_transfers",
    key(NUMBER, "block", "Its block"),
    key(NUMBER, "log", "The log's index in its block"),
    octets("token", "20 bytes"),
    octets("sender", "20 bytes; zeros when made"),
    octets("receiver", "20 bytes; zeros when burnt"),
    words("amount", "Decimal; of a 721 token the id"),
    Index("token_transfers_by_token", "token", "block", "log"),
    Index("token_transfers_by_sender", "sender", "block", "log"),
    Index("token_transfers_by_receiver", "receiver", "block", "log"),
    comment="Transfers of ERC-20 and ERC-721 tokens",
)

token_balances: Final = table(
    "token_balances",
    key(LargeBinary, "token", "20 bytes"),
    key(LargeBinary, "holder", "20 bytes"),
    words("balance", "Decimal; of a 721 token how many"),
    Index("token_balances_by_holder", "holder"),
    comment="Who holds what of every token but the coin: coins expire, so `accounts` has them by age",
)

token_owners: Final = table(
    "token_owners",
    key(LargeBinary, "token", "20 bytes"),
    key(NAME, "id", "Decimal"),
    octets("owner", "20 bytes"),
    changed(),
    Index("token_owners_by_owner", "owner"),
    comment="Whose each ERC-721 token is; burnt ones are left out",
)
