"""One JSON object a line on stderr, for the processes of a network: the application and the supervisor."""

import logging
import sys
from typing import TextIO

import structlog


class LossyStream:
    """A stream that loses lines, rather than stop its process, when the disk behind it is full."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Writes what can be written."""
        try:
            return self._stream.write(text)
        except OSError:
            return 0

    def flush(self) -> None:
        """Flushes what can be flushed."""
        try:
            self._stream.flush()
        except OSError:
            return


def configure_logs() -> None:
    """Sets structlog up for this process; the supervisor puts stderr into a file."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=LossyStream(sys.stderr)),  # type: ignore[arg-type]
    )
