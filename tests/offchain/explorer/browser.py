"""A real Chromium, driven over WebDriver's own HTTP protocol; without it the tests say what they skip.

Source: W3C WebDriver. Debian has both as `chromium` and `chromium-driver`.
"""

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest

START_SECONDS: Final = 60
ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    """One session of a browser."""

    def __init__(self, driver: str, session: str) -> None:
        self._base = f"{driver}/session/{session}"

    def open(self, url: str) -> None:
        """Goes to a page and waits until it is there."""
        self._ask("POST", "/url", {"url": url})

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def type(self, selector: str, text: str) -> None:
        """Types into a field, key by key; \\ue007 is Enter."""
        self._ask("POST", f"/element/{self._find(selector)}/value", {"text": text})

    def press(self, *keys: str) -> None:
        """Presses keys wherever the focus is."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        self._ask("POST", "/actions", {"actions": [{"type": "key", "id": "keyboard", "actions": actions}]})

    def text(self, selector: str) -> str:
        """The visible text of an element."""
        # in one call: between two the page may be another
        found = self.run("return document.querySelector(arguments[0])?.innerText ?? null", selector)
        assert found is not None, f"the page has no {selector}"
        return str(found)

    def size(self, width: int, height: int) -> None:
        """The size of what is seen."""
        devtools = {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}}  # fmt: skip
        self._ask("POST", "/goog/cdp/execute", devtools)

    def colours(self, scheme: str) -> None:
        """Prefers light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._ask("POST", "/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {"features": features}})

    def tree(self) -> list[dict[str, Any]]:
        """The nodes that a screen reader is told."""
        said = self._ask("POST", "/goog/cdp/execute", {"cmd": "Accessibility.getFullAXTree", "params": {}})
        return list(said["nodes"])

    def shot(self, path: Path) -> None:
        """A picture of what is seen."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def _find(self, selector: str) -> str:
        found = self._ask("POST", "/element", {"using": "css selector", "value": selector})
        return str(found[ELEMENT])

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return _ask(method, self._base + path, body)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window; skips the test where there is none."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("Debian's packages chromium and chromium-driver are not installed (.ci/run)")
    process = subprocess.Popen([driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        place = f"http://127.0.0.1:{_port(process)}"
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--lang=en"]
        options = {"binary": program, "args": flags}
        wanted = {"capabilities": {"alwaysMatch": {"browserName": "chrome", "goog:chromeOptions": options}}}
        session = _ask("POST", f"{place}/session", wanted)["sessionId"]
        try:
            yield Browser(place, session)
        finally:
            _ask("DELETE", f"{place}/session/{session}")
    finally:
        process.terminate()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _port(process: "subprocess.Popen[str]") -> int:
    deadline = time.monotonic() + START_SECONDS
    assert process.stdout is not None
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        if found := re.search(r"on port (\d+)\.", line):
            return int(found.group(1))
        assert line or process.poll() is None, "chromedriver ended at once"
    raise AssertionError("chromedriver did not start in time")


def _ask(method: str, url: str, body: Any = None) -> Any:
    data = None if method != "POST" else json.dumps(body or {}).encode()
    request = urllib.request.Request(url, data=data, method=method, headers={"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read())["value"]
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise AssertionError(refusal.read().decode()[:2_000]) from None
