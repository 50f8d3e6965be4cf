"""`python3 -m node.network.toolchain`: checks the interpreter before it imports what needs it.

Kept to syntax that an old Python reads, so that an old Python gets a sentence and not a syntax error.
"""

import sys

WANTED = (3, 11)

if sys.version_info[:2] != WANTED:
    sys.exit(
        "Setup needs Python 3.11 and this is Python {}.{}; "
        "install it, or say where it is: make PYTHON=/path/to/python3.11".format(*sys.version_info)
    )

from node.network.toolchain.steps import main  # noqa: E402

main(sys.argv[1:])
