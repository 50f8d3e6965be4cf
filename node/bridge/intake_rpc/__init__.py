"""JSON-RPC intake: payments that terminals sign, over HTTP (docs/rpc.md)."""

from node.bridge.intake_rpc.serve import serve_rpc

__all__ = ["serve_rpc"]
