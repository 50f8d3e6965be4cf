"""TLS of the gateway: 1.2 or newer, with a certificate that can be renewed while it is in use.

Used by node/consensus/gateway_listener.py. Files are PEM: the chain, leaf first, and the leaf's private key.
"""

import ssl

from node.consensus.access import TlsFiles
from node.domain.errors import Unusable


def load_context(files: TlsFiles) -> ssl.SSLContext:
    """A context that serves this certificate; raises Unusable when it cannot."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    _load(context, files)
    return context


def renew_certificate(context: ssl.SSLContext, files: TlsFiles) -> None:
    """Lets a context that is in use serve what the files hold now; raises Unusable and changes nothing otherwise."""
    load_context(files)
    _load(context, files)


def _load(context: ssl.SSLContext, files: TlsFiles) -> None:
    try:
        # an encrypted key would ask on the terminal
        context.load_cert_chain(files.certificate, files.key, password=lambda: b"")
    except (OSError, ValueError) as failure:
        reason = getattr(failure, "reason", None) or getattr(failure, "strerror", None) or str(failure)
        raise Unusable(f"the certificate {files.certificate} or its key {files.key}: {reason}") from None
