"""A browser without a window, which is told what to do by its protocol for developers.

The messages are JSON texts with a zero byte at the end, in two pipes. So no library and no port is
needed. https://chromedevtools.github.io/devtools-protocol
"""

import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
OPTIONS = ("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe",
           "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
           "--force-color-profile=srgb", "--hide-scrollbars")  # fmt: skip
SECONDS = 60  # the longest wait for an answer


class Browser:
    """One page of a running browser. `events` holds what it reported since `open`."""

    def __init__(self, read, write):
        self.read, self.write, self.buffer = read, write, b""
        self.number, self.session, self.events = 0, None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def message(self):
        """Return the next message of the browser."""
        end = time.monotonic() + SECONDS
        while b"\0" not in self.buffer:
            ready = select.select([self.read], [], [], max(0, end - time.monotonic()))[0]
            part = os.read(self.read, 1 << 20) if ready else b""
            assert part, "the browser does not answer"
            self.buffer += part
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)

    def call(self, method, **parameters):
        """Return the result of a method; events that come before it are kept."""
        self.number += 1
        words = {"id": self.number, "method": method, "params": parameters}
        words |= {"sessionId": self.session} if self.session else {}
        os.write(self.write, json.dumps(words).encode() + b"\0")
        while True:
            message = self.message()
            if message.get("id") == self.number:
                assert "result" in message, message
                return message["result"]
            self.events.append(message)

    def open(self, address):
        """Open an address, and wait until it is loaded."""
        self.events = []
        self.call("Page.navigate", url=address)
        while not any(x.get("method") == "Page.loadEventFired" for x in self.events):
            self.events.append(self.message())

    def value(self, script):
        """Return the value of an expression of JavaScript, as JSON gives it."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def resize(self, width, height=900):
        """Set the size of the page in pixels."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=width < 600)  # fmt: skip

    def complaints(self):
        """Return the errors of the page since `open`: exceptions, errors, and requests."""
        self.value("0")  # after this answer, all earlier events have arrived
        found = []
        for event in self.events:
            parameters = event.get("params", {})
            match event.get("method"):
                case "Runtime.exceptionThrown":
                    found.append(parameters["exceptionDetails"]["text"])
                case "Runtime.consoleAPICalled" if parameters["type"] == "error":
                    found.append(str(parameters["args"]))
                case "Log.entryAdded" if parameters["entry"]["level"] == "error":
                    found.append(parameters["entry"]["text"])
                case "Network.loadingFailed":
                    found.append(f"a request failed: {parameters['errorText']}")
                case "Network.requestWillBeSent":
                    address = parameters["request"]["url"]
                    if not address.startswith(("file:", "data:", "blob:", "about:")):
                        found.append(f"a request to another host: {address}")
        return found


@contextlib.contextmanager
def started():
    """Start a browser, and end it."""
    (child_read, write), (read, child_write) = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = f'exec "$0" "$@" 3<&{child_read} 4>&{child_write}'
        words = [PROGRAM, *OPTIONS, f"--user-data-dir={folder}"]
        quiet = subprocess.DEVNULL
        process = subprocess.Popen(["bash", "-c", command, *words], stdout=quiet, stderr=quiet,
                                   pass_fds=(child_read, child_write))  # fmt: skip
        os.close(child_read), os.close(child_write)
        try:
            yield Browser(read, write)
        finally:
            process.kill()
            process.wait()
            os.close(read), os.close(write)
