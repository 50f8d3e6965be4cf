"""A progress bar in plain text: redrawn in place on a terminal, a line now and then elsewhere."""

import sys
import threading
import time
from types import TracebackType
from typing import Final, TextIO

WIDTH: Final = 24
REDRAW: Final = 0.25  # seconds, on a terminal
REMIND: Final = 20.0  # seconds, elsewhere


class Progress:
    """Shows one step. `total` items are expected (None: unknown, so only the time is shown)."""

    def __init__(self, title: str, stream: TextIO = sys.stdout) -> None:
        self.title = title
        self.total: int | None = None
        self.count = 0
        self._stream = stream
        self._terminal = stream.isatty()
        self._begun = time.monotonic()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> "Progress":
        if not self._terminal:
            self._write(f"{self.title} ...\n")
        self._ticker.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._ticker.join()
        start = "\r\x1b[K" if self._terminal else ""
        self._write(f"{start}{self.title}: {'done in' if error is None else 'stopped after'} {self._seconds()} s\n")

    def advance(self) -> None:
        """One more item is done."""
        self.count += 1

    def line(self) -> str:
        """The state of the step in one line."""
        if not self.total:
            return f"{self.title} {self._seconds()} s"
        done = min(self.count, self.total)
        filled = WIDTH * done // self.total
        bar = "#" * filled + "." * (WIDTH - filled)
        return f"{self.title} [{bar}] {done}/{self.total} {self._seconds()} s"

    def _tick(self) -> None:
        while not self._over.wait(REDRAW if self._terminal else REMIND):
            self._write(f"\r\x1b[K{self.line()}" if self._terminal else f"{self.line()}\n")

    def _seconds(self) -> int:
        return round(time.monotonic() - self._begun)

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
