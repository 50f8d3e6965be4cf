"""Which files of keys a bridge's settings name."""

from collections.abc import Iterator
from pathlib import Path

from node.bridge.keys.key import Purpose
from node.config import BridgeSettings, Iso8583Settings
from node.domain.errors import Unusable


def files_of(settings: BridgeSettings) -> list[tuple[Purpose, Path]]:
    """Every file once, and what its keys are for; those that are not there yet are left out."""
    found = dict.fromkeys([pair for each in settings.iso8583 for pair in _of_listener(each)])
    if settings.pins is not None:
        found[Purpose.PIN, settings.pins.key_file] = None
    return [(purpose, path) for purpose, path in found if path.exists()]


def file_for(settings: BridgeSettings, purpose: Purpose, listener: str = "") -> Path:
    """The file of the keys for a purpose, of this listener where there are several. Raises Unusable."""
    if purpose is Purpose.PIN:
        if settings.pins is None:
            raise Unusable("the settings name no file of PIN keys: pins.key_file")
        return settings.pins.key_file
    listeners = [each for each in settings.iso8583 if listener in ("", each.name)]
    found = {path for each in listeners for kind, path in _of_listener(each) if kind is purpose}
    if len(found) > 1:
        raise Unusable("listeners have files of their own; --listener says which is meant")
    if not found:
        setting = "mac_key_file" if purpose is Purpose.MAC else "key_encrypting_file"
        raise Unusable(f"the settings name no file for it: iso8583.{setting}" + (f" of {listener}" if listener else ""))
    return found.pop()


def _of_listener(settings: Iso8583Settings) -> Iterator[tuple[Purpose, Path]]:
    if settings.mac_key_file is not None:
        yield Purpose.MAC, settings.mac_key_file
    if settings.key_encrypting_file is not None:
        yield Purpose.KEK, settings.key_encrypting_file
