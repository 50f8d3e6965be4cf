"""The verifier alone: python -m node.proofs PROOF [ANCHOR]

Prints what is proved as one JSON object. Ends with 0 if it is, 1 if the proof is refused, 2 for wrong usage, 3 if it
fits and no anchor says whom to trust. `till verify` does the same with tables.
"""

import json
import sys
from pathlib import Path

from node.proofs.anchor import read_anchor
from node.proofs.refusal import ProofRefused
from node.proofs.telling import proof_json
from node.proofs.verify import verify_proof


def main(arguments: list[str]) -> int:
    """What the process ends with."""
    if len(arguments) not in (1, 2):
        print("usage: python -m node.proofs PROOF [ANCHOR]", file=sys.stderr)
        return 2
    try:
        files = [Path(name).read_bytes() for name in arguments]
        proven = verify_proof(files[0], read_anchor(files[1]) if len(files) > 1 else None)
    except (ProofRefused, OSError) as failure:
        print(failure, file=sys.stderr)
        return 1
    print(json.dumps(proof_json(proven), indent=2))
    return 0 if proven.signed.anchored else 3


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
