"""Delivers what the outbox holds: a task for each endpoint, so that one that hangs holds up no other.

Stage before: journal/outbox. At least once: what was under way when the bridge stopped is sent again, with the same
webhook-id. A request goes to the URL that was configured and nowhere else: no redirect is followed, no proxy is asked,
and nothing of the answer is read but its status.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable
from functools import partial
from typing import Final

import aiohttp
import structlog
from sqlalchemy import Connection

from node.bridge.journal import outbox
from node.bridge.journal.outbox import Delivery, State
from node.bridge.journal.store import Journal
from node.bridge.webhooks.endpoint import Endpoint
from node.domain.announcement import Announcement
from node.domain.errors import TillnetError
from node.webhook_settings import WebhooksSettings

log = structlog.get_logger("webhooks")
POLL_SECONDS: Final = 1.0
"""How often the outbox is looked into without being woken: for retries, and for what the command line did."""
SWEEP_SECONDS: Final = 10.0
GROWTH: Final = 4
"""A retry waits so many times longer than the one before it."""
JITTER: Final = 0.2
"""A wait is this much longer or shorter at random, so that retries of many events do not come at once."""
DAY_MS: Final = 86_400_000
GONE: Final = 410
AGENT: Final = "Tillnet-Webhooks/1"


class Courier:
    """Of one bridge. `clock` gives milliseconds of the Unix clock, `chance` a number from 0 to 1."""

    def __init__(
        self,
        journal: Journal,
        endpoints: list[Endpoint],
        settings: WebhooksSettings,
        *,
        clock: Callable[[], int],
        chance: Callable[[], float] = random.random,
        told: Callable[[str, str], None] = lambda endpoint, outcome: None,
    ) -> None:
        self._journal = journal
        self._endpoints = endpoints
        self._settings = settings
        self._clock = clock
        self._chance = chance
        self._told = told
        self._states: dict[str, outbox.EndpointState] = {}
        self._news = {each.name: asyncio.Event() for each in endpoints}
        self.waiting: dict[str, int] = {}

    @property
    def wants(self) -> bool:
        """Whether anything is kept for anybody."""
        return any(self._is_enabled(each) for each in self._endpoints)

    @property
    def disabled(self) -> int:
        """How many endpoints are disabled."""
        return sum(not self._is_enabled(each) for each in self._endpoints)

    def put(self, connection: Connection, announcements: list[Announcement]) -> None:
        """Keeps them for the endpoints that want them, in the caller's transaction."""
        outbox.put(
            connection,
            [
                (each, names)
                for each in announcements
                if (names := [to.name for to in self._endpoints if self._is_enabled(to) and to.wants(each)])
            ],
        )

    def wake(self) -> None:
        """There may be something new to deliver."""
        for event in self._news.values():
            event.set()

    async def load(self) -> None:
        """Reads how the endpoints are; before the first announcement."""
        self._states = await self._journal.insist(outbox.endpoint_states)

    async def run(self) -> None:
        """Delivers until it is cancelled."""
        timeout = aiohttp.ClientTimeout(total=self._settings.timeout_ms / 1000)
        connector = aiohttp.TCPConnector(limit=0, limit_per_host=self._settings.in_flight, force_close=True)
        session = aiohttp.ClientSession(
            timeout=timeout,
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        async with session, asyncio.TaskGroup() as tasks:
            for endpoint in self._endpoints:
                tasks.create_task(self._serve(session, endpoint))
            tasks.create_task(self._sweep())

    async def _serve(self, session: aiohttp.ClientSession, endpoint: Endpoint) -> None:
        news = self._news[endpoint.name]
        while True:
            news.clear()
            try:
                found = await self._due(endpoint)
                async with asyncio.TaskGroup() as tasks:
                    for each in found:
                        tasks.create_task(self._deliver(session, endpoint, each))
            except* TillnetError as failures:
                # the journal cannot be written: what was sent is sent again
                log.warning("webhook.outbox", endpoint=endpoint.name, reason=type(failures.exceptions[0]).__name__)
                found = []
            if not found:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(news.wait(), POLL_SECONDS)

    async def _due(self, endpoint: Endpoint) -> list[Delivery]:
        state = self._states.get(endpoint.name)
        # one that fails is asked with one message at a time
        limit = 1 if state is not None else self._settings.in_flight

        def read(connection: Connection) -> tuple[dict[str, outbox.EndpointState], list[Delivery]]:
            states = outbox.endpoint_states(connection)
            current = states.get(endpoint.name)
            if current is not None and current.disabled_at is not None:
                return states, []
            return states, outbox.due(connection, endpoint.name, self._clock(), limit)

        self._states, found = await self._journal.run(read)
        return found

    async def _deliver(self, session: aiohttp.ClientSession, endpoint: Endpoint, delivery: Delivery) -> None:
        status, last, after = await self._send(session, endpoint, delivery)
        now = self._clock()
        if 200 <= status < 300:
            await self._journal.run(lambda connection: outbox.delivered(connection, delivery, now, last))
            outcome = State.DELIVERED.value
        else:
            attempts = delivery.attempts + 1
            next_at = now + self._wait(attempts, after) if attempts < self._settings.attempts else None
            if status == GONE:
                await self._disable(endpoint, f"answered {GONE}")
            await self._journal.run(lambda connection: outbox.not_delivered(connection, delivery, now, last, next_at))
            outcome = State.FAILED.value if next_at is None else "retry"
        self._told(endpoint.name, outcome)
        log.info("webhook.sent", endpoint=endpoint.name, event_id=delivery.event, outcome=outcome, last=last)

    async def _send(
        self, session: aiohttp.ClientSession, endpoint: Endpoint, delivery: Delivery
    ) -> tuple[int, str, int]:
        """The status (0: none), what it came to in a word, and how long the endpoint asks us to wait (ms)."""
        headers = endpoint.headers(delivery.event, delivery.body, self._clock() // 1000)
        headers |= {"content-type": "application/json", "user-agent": AGENT}
        try:
            async with session.post(
                endpoint.url,
                data=delivery.body.encode(),
                headers=headers,
                allow_redirects=False,
                ssl=endpoint.tls if endpoint.tls is not None else True,
            ) as response:
                after = response.headers.get("retry-after", "")
                response.close()
                seconds = int(after) if after.isdecimal() and len(after) < 9 else 0
                return response.status, f"HTTP {response.status}", seconds * 1000
        except TimeoutError:
            return 0, f"no answer in {self._settings.timeout_ms} ms", 0
        except (aiohttp.ClientError, OSError) as failure:
            return 0, type(failure).__name__, 0

    def _wait(self, attempts: int, asked: int) -> int:
        settings = self._settings
        wait = min(settings.first_retry_ms * GROWTH ** (attempts - 1), settings.longest_retry_ms)
        wait = int(wait * (1 + JITTER * (2 * self._chance() - 1)))
        return max(wait, min(asked, settings.longest_retry_ms))

    async def _sweep(self) -> None:
        """Now and then: drops what is too old, and gives up on endpoints that failed for too long, or too much."""
        while True:
            try:
                await self._sweep_once()
            except TillnetError as failure:
                log.warning("webhook.outbox", reason=type(failure).__name__)
            await asyncio.sleep(SWEEP_SECONDS)

    async def _sweep_once(self) -> None:
        now, settings = self._clock(), self._settings
        oldest = now - settings.keep_days * DAY_MS
        while await self._journal.run(lambda connection: outbox.prune(connection, oldest)) == outbox.PRUNED:
            continue
        for endpoint in self._endpoints:
            count = await self._journal.run(partial(outbox.waiting, endpoint=endpoint.name))
            self.waiting[endpoint.name] = count
            state = self._states.get(endpoint.name, outbox.EndpointState())
            if count > settings.max_waiting:
                await self._disable(endpoint, f"{count} events wait")
            elif state.failing_since is not None and now - state.failing_since > settings.disable_days * DAY_MS:
                await self._disable(endpoint, f"took nothing for {settings.disable_days} days")

    async def _disable(self, endpoint: Endpoint, reason: str) -> None:
        if not self._is_enabled(endpoint):
            return
        now = self._clock()
        await self._journal.run(lambda connection: outbox.disable(connection, endpoint.name, now, reason))
        self._states[endpoint.name] = outbox.EndpointState(failing_since=now, disabled_at=now, reason=reason)
        self._told(endpoint.name, "disabled")
        log.warning("webhook.disabled", endpoint=endpoint.name, reason=reason)

    def _is_enabled(self, endpoint: Endpoint) -> bool:
        state = self._states.get(endpoint.name)
        return state is None or state.disabled_at is None
