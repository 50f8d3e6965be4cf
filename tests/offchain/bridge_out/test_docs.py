"""docs/bridge.md says what the code does."""

from dataclasses import MISSING, fields
from pathlib import Path

from node import config
from node.bridge.failpoint import POINTS
from node.bridge.finality import RESPONSE_CODES

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
SECURITY = {"pins": config.PinSettings, "qr": config.QrSettings, "tls": config.TlsSettings}


def test_page_has_every_setting_with_its_default_and_limits() -> None:
    for name, section in (SECTIONS | SECURITY).items():
        page = PAGE if name in SECTIONS else (DOCS / "security.md").read_text()
        for each in fields(section):
            row = next((line for line in page.splitlines() if line.startswith(f"| `{name}.{each.name}` |")), "")
            assert row, f"{name}.{each.name} is not documented"
            if each.default is MISSING:
                assert "must be given" in row
            elif type(each.default) is int:
                limits = f"{each.metadata['low']:,} to {each.metadata['high']:,}"
                assert f"| {each.default:,} | {limits} |" in row


def test_page_has_every_fail_point_and_response_code() -> None:
    assert all(f"`{point}`" in PAGE for point in POINTS)
    for reason, code in RESPONSE_CODES.items():
        assert 20 <= reason < 30 or reason > 38 or (f"| {reason} " in PAGE and f"| {code} |" in PAGE)
