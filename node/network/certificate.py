"""A self-signed certificate for a validator's gateway: for development, and wherever clients are given the file itself.

Called by `till net cert`; the application serves it from then on, without a new start. Sources: RFC 5280, RFC 6125.
"""

import ipaddress
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from node.domain.errors import Unusable
from node.network.access import changed_document, write_whole

FOLDER: Final = "tls"
CERTIFICATE: Final = f"{FOLDER}/certificate.pem"
KEY: Final = f"{FOLDER}/key.pem"
MAX_NAMES: Final = 50
CLOCKS_APART: Final = timedelta(hours=1)


def make_certificate(home: Path, names: Sequence[str], *, days: int, now: datetime) -> Path:
    """Makes key and certificate for these host names and addresses, and has the gateway serve them.

    Raises Unusable for a name that is none, or when access.json names files of somebody else's making.
    """
    if not 1 <= len(names) <= MAX_NAMES:
        raise Unusable(f"a certificate is for 1 to {MAX_NAMES} names")
    certificate, key = _sign([_name(name) for name in names], names[0], days, now)
    with changed_document(home) as document:
        ours = {"certificate": CERTIFICATE, "key": KEY}
        if document.get("tls", ours) != ours:
            raise Unusable(f"the gateway serves {document['tls'].get('certificate')}, which this does not replace")
        (home / FOLDER).mkdir(mode=0o700, exist_ok=True)
        # key first: in between the pair does not fit, and the gateway goes on with the old one
        write_whole(home / KEY, key)
        write_whole(home / CERTIFICATE, certificate)
        document["tls"] = ours
    return home / CERTIFICATE


def _sign(names: list[x509.GeneralName], title: str, days: int, now: datetime) -> tuple[str, str]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, title[:64])])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - CLOCKS_APART)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    signed = builder.sign(key, hashes.SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return signed.public_bytes(Encoding.PEM).decode(), private.decode()


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        pass
    try:
        return x509.DNSName(text)
    except ValueError:
        raise Unusable(f"{text!r} is neither a host's name nor its address") from None
