# SPDX-License-Identifier: Apache-2.0
"""A broker on a bus of its own, for scripts that weigh it."""

import contextlib
import pathlib
import subprocess
import sys
import tempfile
import threading

CONFIGURATION = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/>
    <allow eavesdrop="true"/>
    <allow own="*"/>
  </policy>
</busconfig>
"""


def process(stack, arguments, **options):
    """A process that ends with the stack."""
    started = subprocess.Popen([str(word) for word in arguments], text=True, **options)

    def end():
        if started.poll() is None:
            started.terminate()
            try:
                started.wait(60)
            except subprocess.TimeoutExpired:
                started.kill()
        started.wait()

    stack.callback(end)
    return started


def wait_for(stream, words, seconds, what):
    """The first line with these words in it. The stream is read on, so that its writer never waits."""
    found, said, seen = [], [], threading.Event()

    def read():
        for line in stream:
            if not found:
                said.append(line)
                if words in line:
                    found.append(line.strip())
                    seen.set()
        seen.set()

    threading.Thread(target=read, daemon=True).start()
    if not seen.wait(seconds):
        sys.exit(f"{what} did not come up within {seconds} s")
    if not found:
        sys.exit(f"{what} ended before it came up, and said:\n" + "".join(said[-20:]))
    return found[0]


@contextlib.contextmanager
def broker(program, state=None, before=()):
    """Runs `program`, under the command `before` where there is one: its process, and the address of its bus."""
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cimbus-broker-")))
        (folder / "bus.conf").write_text(CONFIGURATION.format(folder))
        bus = process(
            stack, ["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        address = wait_for(bus.stdout, "unix:", 10, "dbus-daemon")
        started = process(
            stack, [*before, program, "--address", address, *(["--state", state] if state else [])],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        wait_for(started.stdout, "serving org.cimbus1", 300 if before else 30, program)
        yield started, address
