"""What a bridge asks the chain before it sends anything: is it the right one, may the key post, do the numbers agree.

At the start, where a gateway answers; else, in a bridge that has run before, beside its intakes, as soon as one does
(service.py). Until then messages are verified by the last picture of the network that the journal has.
"""

from dataclasses import dataclass

import structlog
from sqlalchemy import Connection

from node.bridge.journal import picture, reading, transitions
from node.bridge.journal.picture import Picture
from node.bridge.journal.store import Journal
from node.bridge.transaction import Sender
from node.chain.blocks import Blocks
from node.chain.deployment import Deployment
from node.chain.directory import DirectoryReader
from node.chain.ledger import Ledger
from node.chain.rpc import Rpc
from node.chain.signer import TransactionSigner
from node.config import BridgeSettings
from node.domain.directory import Directory
from node.domain.errors import ChainUnreachable, Unusable
from node.domain.ids import Sequence, StreamId
from node.domain.leaf import LedgerTerms

log = structlog.get_logger("bridge")


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrived:
    """The chain as the bridge met it: its newest block (None where it has not yet), the last one that is settled in the
    journal, and the ledger's constants.
    """

    head: int | None
    last_block: int
    terms: LedgerTerms


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """Of one bridge, whose journal is its own and whose sender knows what the journal has open."""

    settings: BridgeSettings
    rpc: Rpc
    deployment: Deployment
    signer: TransactionSigner
    journal: Journal
    sender: Sender
    directory: DirectoryReader
    blocks: Blocks
    ledger: Ledger

    async def begin(self) -> Arrived:
        """As `meet`; with what the journal knew last where no gateway answers. Raises Unusable; ChainUnreachable where
        it knows nothing.
        """
        try:
            return await self.meet()
        except ChainUnreachable as error:
            known, facts = await self.journal.insist(
                lambda connection: (picture.kept(connection), reading.meta(connection))
            )
            if known is None:
                raise
            log.warning("started without the chain", directory_of_block=known.directory.block, reason=str(error))
        self.directory.take(known.directory)
        return Arrived(head=None, last_block=int(facts[transitions.LAST_BLOCK]), terms=known.terms)

    async def meet(self) -> Arrived:
        """Everything that sending depends on, checked and taken up; the picture of the network read and kept.

        Raises Unusable when this chain is not the journal's and the key's; ChainUnreachable, RpcRefused.
        """
        await check_chain(self.settings, self.rpc, self.deployment, self.signer)
        head = await self.blocks.head()
        await self._check_numbers()
        terms = await self.ledger.terms()
        taken = Picture(directory=await self.directory.read(head.number), terms=terms)

        def note(connection: Connection) -> int:
            known = reading.meta(connection)
            if transitions.LAST_BLOCK not in known:
                transitions.set_meta(connection, transitions.LAST_BLOCK, str(head.number))
            picture.keep(connection, taken)
            return int(known.get(transitions.LAST_BLOCK, head.number))

        last_block = await self.journal.insist(note)
        self.sender.base_fee = head.base_fee
        return Arrived(head=head.number, last_block=last_block, terms=terms)

    async def _check_numbers(self) -> None:
        """Nonces and sequences that the chain has used have to be the journal's."""
        sender, journal = self.sender, self.journal
        used = int(await self.rpc.call("eth_getTransactionCount", "0x" + self.signer.address.hex(), "latest"), 16)
        if sender.next_nonce is not None and used > sender.next_nonce:
            raise Unusable(
                f"the key has sent {used} transactions, the journal knows {sender.next_nonce}; who else uses it?"
            )
        stream = StreamId(self.settings.stream.id)
        if await self.ledger.is_posted(stream, Sequence(journal.next_sequence)):
            raise Unusable(
                f"stream {stream} was posted beyond the journal {journal.place};"
                " restore the newest journal, or use a new stream"
            )
        if sender.next_nonce is None:
            sender.next_nonce = used


async def keep_picture(journal: Journal, directory: Directory, terms: LedgerTerms) -> None:
    """What the bridge knows of the network now is journaled. Raises Unusable."""
    taken = Picture(directory=directory, terms=terms)
    await journal.insist(lambda connection: picture.keep(connection, taken))


async def check_chain(settings: BridgeSettings, rpc: Rpc, deployment: Deployment, signer: TransactionSigner) -> None:
    """Raises Unusable when this is not the deployment's chain, or the key does not post the stream."""
    chain_id = int(await rpc.call("eth_chainId"), 16)
    if chain_id != deployment.chain_id:
        raise Unusable(f"the chain's id is {chain_id}, the deployment is on {deployment.chain_id}")
    code = await rpc.call("eth_getCode", "0x" + deployment.ledger.hex(), "latest")
    if code == "0x":
        raise Unusable(f"there is no contract at the deployment's ledger 0x{deployment.ledger.hex()}")
    poster = await Ledger(rpc, deployment.ledger).poster(StreamId(settings.stream.id))
    if not any(poster):
        raise Unusable(
            f"stream {settings.stream.id} is not open on this ledger; the operator opens it with: brownie run"
            f" open_stream main {settings.stream.id} 0x{signer.address.hex()} DAILY_LIMIT --network FOLDER"
        )
    if poster != signer.address:
        raise Unusable(
            f"stream {settings.stream.id} is posted by 0x{poster.hex()}, the signer's address is"
            f" 0x{signer.address.hex()}"
        )
