"""The roles that people and contracts have in the suite, as INetworkAccess numbers them."""

from typing import Final

ADMIN: Final = 0
OPERATOR: Final = 1
FINANCE: Final = 2
MEMBERS: Final = 5
"""A contract's: enrol, lock and freeze members, set their tier, in the ledger itself."""
AUDITOR: Final = 6
REPORTER: Final = 7
BRIDGE: Final = 8
KEEPER: Final = 9

PEOPLES_ROLES: Final = {
    OPERATOR: "operator",
    FINANCE: "finance",
    AUDITOR: "auditor",
    REPORTER: "reporter",
    BRIDGE: "bridge",
    KEEPER: "keeper",
    ADMIN: "admin",
}
ROLE_NAMES: Final = {**PEOPLES_ROLES, 3: "registry", 4: "rules", MEMBERS: "members"}
