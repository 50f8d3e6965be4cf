"""Who validates and who decides: validators with their record, proposals and votes, evidence, accounts' permissions."""

from typing import Final

from sqlalchemy import Index, LargeBinary

from node.indexer.tables.kinds import (
    NAME,
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
        "Blocks whose fee recipient it was; null where fees go to one account for all, as on a network of ours",
        empty=True,
    ),
    number("missed", "Blocks that it did not sign; null where no consensus endpoint was given", empty=True),
    *seen(),
    comment="Validators, those removed included",
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
