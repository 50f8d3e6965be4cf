"""The world with the whole suite of contracts in it (scripts/suite), on a development chain."""

from typing import Any

from benchmarks.devchain import Chain, Contract, deploy
from benchmarks.world import Terms, World
from scripts.suite import PARTS, settings_of


class Suite(World):
    """A deployed world; `parts` by the name of the contract. `settings`: sections over the defaults."""

    def __init__(self, chain: Chain, terms: Terms | None = None, **settings: dict[str, Any]) -> None:
        super().__init__(chain, terms)
        self.parts: dict[str, Contract] = {}
        chosen = settings_of(settings)
        known = {
            "NetworkAccess": self.access,
            "CashToken": self.cash,
            "RewardToken": self.ledger,
            "Registry": self.registry,
            "RewardRules": self.rules,
        }
        errors = self.ledger.interface.errors
        for part in PARTS:
            addresses = {name: contract.address for name, contract in (known | self.parts).items()}
            contract = deploy(chain, part.name, *part.arguments(addresses, chosen[part.section]), sender=self.operator)
            self.parts[part.name] = contract
            errors |= contract.interface.errors
            contract.interface.errors = errors
            self._connect(part.name)

    def __getitem__(self, name: str) -> Contract:
        return self.parts[name]

    def _connect(self, name: str) -> None:
        part = next(each for each in PARTS if each.name == name)
        contract = self.parts[name]
        for function, role in part.roles.items():
            selector = bytes.fromhex(contract.interface.selector(function)[2:])
            self.access.send("setTargetFunctionRole", contract.address, [selector], role, sender=self.operator)
        for role in part.grants:
            self.access.send("grantRole", role, contract.address, 0, sender=self.operator)
        if part.doors:
            self.ledger.send("setDoors", contract.address, part.doors, sender=self.operator)
        for kind in part.acts:
            self.ledger.send("setActTarget", kind, contract.address, sender=self.operator)
