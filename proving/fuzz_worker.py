"""The process in which atheris fuzzes, guided by what of the bridge's code an input reaches. Started by fuzz.py.

    python -m proving.fuzz_worker ATHERIS CORPUS SECONDS COUNT FINDINGS

ATHERIS is the folder that it was installed into. It ends with 0 when the time is up, else with libFuzzer's status, the
input in the folder FINDINGS and the reason on stderr.
"""

import sys
from pathlib import Path
from typing import Final

CODE: Final = ["node.bridge", "node.iso8583", "node.domain"]
"""What is followed: the intakes, and what they call."""
MOST_BYTES: Final = 8_192
MOST_SECONDS: Final = 10
"""What one input may take."""


def main() -> None:
    """Fuzzes until the time is up; does not return."""
    installed, corpus, seconds, count, findings = sys.argv[1:]
    sys.path.insert(0, installed)
    import atheris

    with atheris.instrument_imports(include=CODE):
        from proving.fuzz_trial import Trial
    trial = Trial(Path(count))
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MOST_BYTES}",
        f"-timeout={MOST_SECONDS}",
        f"-artifact_prefix={findings}/",
        "-rss_limit_mb=1024",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], corpus, *options], trial.try_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
