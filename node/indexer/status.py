"""How an index is: how far, how far behind, how large; read from the database alone."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine, false, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from node.domain.errors import Unusable
from node.indexer.database import POSTGRESQL, open_index, place_of, reason_of
from node.indexer.tables import chain, governance


@dataclass(frozen=True, kw_only=True, slots=True)
class IndexStatus:
    """An index; `height` -1 when it is empty, `time` that of its newest block, sizes in bytes.

    `record` is the newest block of which it is known who signed it; 0 where none is.
    """

    place: str
    chain_id: int
    height: int
    time: int
    transactions: int
    events: int
    untraced: int
    record: int
    size: int


def status_of(where: str) -> IndexStatus:
    """The index at `where`. Raises Unusable when there is none."""
    if not where.startswith("postgres") and not Path(where).is_file():
        raise Unusable(f"there is no index {where}; till index run makes one")
    engine = open_index(where)
    try:
        return _status(engine)
    except SQLAlchemyError as error:
        raise Unusable(f"{place_of(engine)} is no index: {reason_of(error)}") from None
    finally:
        engine.dispose()


def _status(engine: Engine) -> IndexStatus:
    blocks = chain.blocks.c
    with engine.connect() as connection:
        newest = connection.execute(select(blocks.number, blocks.time).order_by(blocks.number.desc()).limit(1)).first()
        sums = connection.execute(select(func.sum(blocks.transactions), func.sum(blocks.logs))).one()
        untraced = connection.execute(select(func.count()).where(blocks.traced == false())).scalar_one()
        record = connection.execute(select(func.max(governance.signed_blocks.c.number))).scalar()
        chain_id = connection.execute(select(chain.meta.c.value).where(chain.meta.c.name == "chain_id")).scalar()
        if engine.dialect.name == POSTGRESQL:
            size = connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
        else:
            size = sum(file.stat().st_size for file in _files(engine))
    return IndexStatus(
        place=place_of(engine),
        chain_id=int(chain_id or 0),
        height=-1 if newest is None else newest.number,
        time=0 if newest is None else newest.time,
        transactions=int(sums[0] or 0),
        events=int(sums[1] or 0),
        untraced=int(untraced),
        record=int(record or 0),
        size=int(size),
    )


def _files(engine: Engine) -> list[Path]:
    path = str(engine.url.database)
    return [file for file in (Path(path), Path(f"{path}-wal")) if file.is_file()]
