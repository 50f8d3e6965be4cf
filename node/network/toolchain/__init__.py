"""Everything that Tillnet needs from outside, installed and built under the project's own folder.

`python3 -m node.network.toolchain` (or `make setup`) runs the steps of steps.py: Python packages, Node packages,
the two engines, message classes, the compiled contracts. A step whose inputs have not changed is skipped, so a
second run takes a second. Only the standard library is used, because this runs before anything is installed.
"""
