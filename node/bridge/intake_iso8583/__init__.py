"""ISO 8583 intake: listens, cuts bytes into messages, and sees each through verify, journal and acknowledge."""

from node.bridge.intake_iso8583.serve import serve_iso8583

__all__ = ["serve_iso8583"]
