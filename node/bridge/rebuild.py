"""Rebuilds the leaves of a mined batch from its calldata and logs (docs/batch.md, "The leaf")."""

from node.bridge.finality import Mined, Rebuild
from node.chain.blocks import Block
from node.chain.directory import DirectoryReader
from node.domain.ids import Hash32


def rebuild_with(directory: DirectoryReader) -> Rebuild:
    """A rebuilder that knows the rule versions of a directory."""

    def rebuild(mined: Mined, block: Block) -> tuple[Hash32, bytes]:
        raise NotImplementedError

    return rebuild
