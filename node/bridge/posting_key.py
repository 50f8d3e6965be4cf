"""Who signs what this bridge posts: a key in a file, or a signer elsewhere that never gives its key away.

Before every stage; node/bridge/start.py opens it once.
"""

import stat
from pathlib import Path

from node.chain.external_signer import ExternalSigner, SignerPlace
from node.chain.signer import TransactionSigner, load_signer
from node.config import SignerSettings, StreamSettings
from node.domain.errors import Unusable
from node.domain.ids import Address


async def open_signer(settings: StreamSettings) -> TransactionSigner:
    """The signer that the settings name; close it after use.

    Raises Unusable when they name none or two, when a file is no key, or when the signer elsewhere does not answer.
    """
    if settings.signer is None:
        if settings.key_file is None:
            raise Unusable("neither stream.key_file nor [stream.signer] says who signs")
        return load_signer(settings.key_file, _password(settings.password_file))
    if settings.key_file is not None or settings.password_file is not None:
        raise Unusable("both stream.key_file and [stream.signer] say who signs; leave one out")
    return await ExternalSigner.open(_place(settings.signer), _address(settings.signer.address))


def _place(settings: SignerSettings) -> SignerPlace:
    if not settings.url.startswith(("http://", "https://")):
        raise Unusable("stream.signer.url begins with http:// or https://")
    return SignerPlace(
        url=settings.url,
        timeout=settings.timeout_ms / 1000,
        ca_file=settings.ca_file,
        certificate=settings.certificate,
        certificate_key=settings.certificate_key,
    )


def _address(text: str) -> Address | None:
    if not text:
        return None
    try:
        return Address(bytes.fromhex(text.removeprefix("0x")))
    except ValueError:
        raise Unusable(f"stream.signer.address is no address: {text}") from None


def _password(path: Path | None) -> str | None:
    if path is None:
        return None
    try:
        mode, text = stat.S_IMODE(path.stat().st_mode), path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Unusable(f"the password file {path} cannot be read: {type(error).__name__}") from None
    if mode & 0o077:
        raise Unusable(f"the password file {path} can be read by others; chmod 600 it")
    return text.rstrip("\r\n")
