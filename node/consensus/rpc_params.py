"""Parameters that decide how much geth works: ranges of logs, and tracers. Each in the one form that geth gets.

Pure. geth reads the members of an object without regard to case and takes the last of a repeated one, so only members
that are known here, as they are written here, are passed on: a `FromBlock` would override the `fromBlock` that was
looked at. Used by node/consensus/rpc_policy.py. Sources: execution-apis (eth_getLogs), geth v1.17.8 eth/tracers/api.go.
"""

from dataclasses import dataclass
from typing import Any, Final

LOG_MEMBERS: Final = frozenset({"address", "topics", "fromBlock", "toBlock", "blockHash"})
NEWEST: Final = frozenset({"latest", "safe", "finalized", "pending"})
TRACERS: Final[dict[str, frozenset[str]]] = {
    "callTracer": frozenset({"onlyTopCall", "withLog"}),
    "prestateTracer": frozenset({"diffMode", "disableCode", "disableStorage"}),
}
"""By name only: geth takes any other text for a JavaScript program. Without a tracer it writes every step down."""
TRACE_TIMEOUT: Final = "5s"
TRACE_CONFIG_PLACE: Final = {
    "debug_traceTransaction": 1,
    "debug_traceBlockByHash": 1,
    "debug_traceBlockByNumber": 1,
    "debug_traceCall": 2,
}


class BadParams(Exception):
    """These parameters are not passed on; the text says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The blocks that a search of logs spans; None is the newest one."""

    first: int | None
    last: int | None

    def count(self, head: int) -> int:
        """How many blocks that is when the newest one is `head`; 0 or less when it is none."""
        first = head if self.first is None else self.first
        last = head if self.last is None else min(self.last, head)
        return last - first + 1


def read_log_filter(params: list[Any]) -> Span | None:
    """The span of the filter of an eth_getLogs or eth_newFilter, None for one block by its hash; raises BadParams."""
    if len(params) != 1 or not isinstance(params[0], dict):
        raise BadParams("one filter object is expected")
    (wanted,) = params
    if unknown := sorted(set(wanted) - LOG_MEMBERS):
        raise BadParams(f"a filter has no member {unknown[0][:32]!r}")
    if wanted.get("blockHash") is not None:
        return None
    return Span(first=_block(wanted.get("fromBlock")), last=_block(wanted.get("toBlock")))


def bound_trace(method: str, params: list[Any]) -> list[Any]:
    """The parameters of a debug_trace… method with a tracer that is allowed and a time limit; raises BadParams."""
    place = TRACE_CONFIG_PLACE[method]
    if len(params) != place + 1 or not isinstance(params[place], dict):
        raise BadParams(f'the last parameter is {{"tracer": …}}, one of {", ".join(sorted(TRACERS))}')
    asked = params[place]
    if unknown := sorted(set(asked) - {"tracer", "tracerConfig", "timeout"}):
        raise BadParams(f"a trace has no option {unknown[0][:32]!r}")
    tracer, options = asked.get("tracer"), asked.get("tracerConfig") or {}
    if not isinstance(tracer, str) or tracer not in TRACERS:
        raise BadParams(f"tracers are {', '.join(sorted(TRACERS))}")
    if not isinstance(options, dict) or not set(options) <= TRACERS[tracer]:
        raise BadParams(f"options of {tracer} are {', '.join(sorted(TRACERS[tracer]))}")
    if not all(isinstance(value, bool) for value in options.values()):
        raise BadParams("options of a tracer are true or false")
    return [*params[:place], {"tracer": tracer, "tracerConfig": options, "timeout": TRACE_TIMEOUT}]


def _block(text: Any) -> int | None:
    if text is None or (isinstance(text, str) and text in NEWEST):
        return None
    if text == "earliest":
        return 0
    try:
        if not isinstance(text, str) or not text.startswith("0x") or len(text) > 18:
            raise ValueError
        return int(text, 16)
    except ValueError:
        raise BadParams("a block is a number in hex (0x…), or a tag such as latest") from None
