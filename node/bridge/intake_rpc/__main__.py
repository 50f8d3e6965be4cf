"""`python -m node.bridge.intake_rpc docs/openrpc.json` writes the OpenRPC document there."""

import sys
from pathlib import Path

from node.bridge.intake_rpc.openrpc import page

if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page())
