"""Where everything lies: one root, and under it what setup installs (.venv, node_modules) and builds (.till)."""

import dataclasses
from pathlib import Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layout:
    """The project's folders. Only `root` is chosen; the rest follows."""

    root: Path

    @classmethod
    def here(cls) -> "Layout":
        """The checkout that this file is part of."""
        return cls(root=Path(__file__).resolve().parents[3])

    @property
    def venv(self) -> Path:
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        return self.venv / "bin" / "python"

    @property
    def node_modules(self) -> Path:
        return self.root / "node_modules"

    @property
    def till(self) -> Path:
        return self.root / ".till"

    @property
    def tools(self) -> Path:
        """Tools that bring their own folder: Go or Node from a wheel, the compiler's wrapper."""
        return self.till / "tools"

    @property
    def bin(self) -> Path:
        """The commands: geth, cometbft, node, brownie."""
        return self.tools / "bin"

    @property
    def log(self) -> Path:
        return self.till / "log"

    @property
    def stamps(self) -> Path:
        return self.till / "stamps"

    @property
    def solc_folder(self) -> Path:
        """What SOLCX_BINARY_PATH names: it holds `solc-v0.8.30`."""
        return self.tools / "solc"

    @property
    def engines(self) -> Path:
        """One folder an engine, each with the go.mod and go.sum that pin it."""
        return self.root / "node" / "network" / "engines"

    @property
    def artifacts(self) -> Path:
        return self.root / "node" / "artifacts" / "contracts"
