"""Who validates and who decides: validators with their record, proposals and votes, evidence, accounts' permissions."""

from typing import Final

from sqlalchemy import Index, LargeBinary

from node.indexer.tables.kinds import (
    NAME,
    NUMBER,
    flag,
    key,
    number,
    octets,
    place,
    seen,
    small,
    table,
    uint64,
    words,
)

validators: Final = table(
    "validators",
    key(LargeBinary, "account", "20 bytes"),
    octets("key", "Its consensus key (ed25519)"),
    octets("node_id", "Its node's id"),
    uint64("power", "Its votes; 0 once it is removed"),
    words("name", "As proposed"),
    words("status", "active, or why it was removed: voted, left, double signed"),
    number(
        "proposed",
        "Blocks that it proposed: by what validators signed, else as fee recipient; null where neither is known",
        empty=True,
    ),
    number("signed", "Blocks whose commit has its vote; null where the record is not known", empty=True),
    number("missed", "Blocks that it should have signed and whose commit lacks its vote; null likewise", empty=True),
    *seen(),
    comment="Validators, those removed included, with their record up to the highest of `signed_blocks`",
)

validator_keys: Final = table(
    "validator_keys",
    key(LargeBinary, "address", "CometBFT's 20-byte name of the key"),
    key(NUMBER, "block", "The block that named it; 0 of those that validated at first"),
    octets("key", "The consensus key (ed25519)"),
    octets("account", "The validator's account"),
    comment="Whose each consensus key is, from which block on",
)

signed_blocks: Final = table(
    "signed_blocks",
    key(NUMBER, "number", "The block's height"),
    octets("hash", "The hash of CometBFT's header of this height"),
    octets("proposer", "The account of the validator that proposed it"),
    number("round", "The round that decided it: 0 where the first proposer was heard in time"),
    number("signed", "Validators whose vote for it is in its commit"),
    number("missed", "Validators of its set whose vote is not"),
    uint64("power", "Votes that signed"),
    uint64("total", "Votes of its whole set"),
    Index("signed_blocks_by_proposer", "proposer", "number"),
    comment="Who proposed each block, and how many signed it; one behind `blocks`: the next one settles its commit",
)

missed_blocks: Final = table(
    "missed_blocks",
    key(LargeBinary, "validator", "The validator's account"),
    key(NUMBER, "number", "The block's height"),
    flag("for_none", "Whether it voted for no block; else its vote did not come in time"),
    Index("missed_blocks_by_number", "number"),
    comment="Blocks that a validator should have signed, and whose commit lacks its vote",
)

observers: Final = table(
    "observers",
    key(LargeBinary, "node_id", "20 bytes"),
    words("name", "As proposed"),
    flag("active", "False once it was removed"),
    *seen(),
    comment="Nodes that may connect without a vote",
)

proposals: Final = table(
    "proposals",
    key(NAME, "id", "Its number, decimal"),
    octets("proposer", "Who proposed it"),
    words(
        "kind",
        "AddValidator, RemoveValidator, ChangePower, RotateKey, AddObserver, RemoveObserver or SetAdmin",
    ),
    octets("account", "Whom it is about"),
    uint64("power", "The votes that it would give"),
    octets("key", "The key that it would set"),
    octets("node_id", "The node that it is about"),
    words("name", "The name that it would set"),
    flag("drastic", "Whether it needs the larger majority"),
    number("expires", "Unix seconds"),
    words("status", "open, passed or rejected"),
    *seen(),
    comment="Proposals of validators",
)

votes: Final = table(
    "votes",
    key(NAME, "proposal", "Which, decimal"),
    key(LargeBinary, "voter", "Who"),
    flag("approves", "For, or against"),
    uint64("power", "With how many votes"),
    *seen(),
    comment="Votes on them",
)

evidence: Final = table(
    "evidence",
    *place(),
    words("kind", "EvidenceReported or EvidenceAccepted"),
    octets("culprit", "The consensus address that signed twice"),
    octets("account", "Who reported it; of an accepted one, whose validator it was"),
    uint64("height", "At which height"),
    small("offence", "Its kind, as in docs/governance.md"),
    flag("removed", "Whether the validator was removed for it"),
    Index("evidence_by_culprit", "culprit"),
    comment="Reports of double signing",
)

permissions: Final = table(
    "permissions",
    key(LargeBinary, "account", "20 bytes; zeros for the default of all others"),
    small("permissions", "Bits: see docs/governance.md"),
    *seen(),
    comment="Who may send transactions and make contracts",
)
