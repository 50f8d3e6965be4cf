"""docs/bridge.md says what the code does."""

from dataclasses import MISSING, fields
from pathlib import Path

import pytest
from prometheus_client import Metric

from node import config
from node.bridge.counters import Counters
from node.bridge.failpoint import POINTS
from node.bridge.finality import RESPONSE_CODES
from node.bridge.security.build import count_refusals
from node.domain.announcement import Happening
from node.security_settings import KeySettings, PinSettings, QrSettings, TlsSettings, TokenSettings
from node.webhook_settings import EndpointSettings, WebhooksSettings

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "bridge.md").read_text()
SECTIONS = {
    "chain": config.ChainSettings,
    "stream": config.StreamSettings,
    "stream.signer": config.SignerSettings,
    "journal": config.JournalSettings,
    "batch": config.BatchSettings,
    "transaction": config.TransactionSettings,
    "answers": config.AnswerSettings,
}
WEBHOOKS = {"webhooks": WebhooksSettings, "webhooks.endpoints.NAME": EndpointSettings}
KEYS = {"keys": KeySettings, "keys.token": TokenSettings}
SECURITY = {"pins": PinSettings, "qr": QrSettings, "tls": TlsSettings}


@pytest.mark.parametrize(
    ("page", "sections"),
    [("bridge.md", SECTIONS), ("webhooks.md", WEBHOOKS), ("security.md", SECURITY), ("keys.md", KEYS)],
)
def test_page_has_every_setting_with_its_default_and_limits(page: str, sections: dict[str, type]) -> None:
    lines = (DOCS / page).read_text().splitlines()
    for name, section in sections.items():
        for each in fields(section):
            row = next((line for line in lines if line.startswith(f"| `{name}.{each.name}` |")), "")
            assert row, f"{name}.{each.name} is not in docs/{page}"
            if each.default is MISSING:
                assert "must be given" in row
            elif type(each.default) is int:
                limits = f"{each.metadata['low']:,} to {each.metadata['high']:,}"
                assert f"| {each.default:,} | {limits} |" in row


def test_page_has_every_fail_point_and_response_code() -> None:
    assert all(f"`{point}`" in PAGE for point in POINTS)
    for reason, code in RESPONSE_CODES.items():
        assert 20 <= reason < 30 or reason > 38 or (f"| {reason} " in PAGE and f"| {code} |" in PAGE)


def test_pages_have_every_metric_and_every_announcement() -> None:
    monitoring, webhooks = (DOCS / "monitoring.md").read_text(), (DOCS / "webhooks.md").read_text()
    counters = Counters()
    count_refusals(counters)
    for metric in counters.registry.collect():
        assert isinstance(metric, Metric)
        name = metric.name + ("_total" if metric.type == "counter" else "")
        assert f"| `{name}" in monitoring, f"{name} is not in docs/monitoring.md"
    for each in Happening:
        assert f"| `{each.value}` |" in webhooks
