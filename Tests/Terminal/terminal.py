# SPDX-License-Identifier: Apache-2.0
"""A terminal of 80 columns and 24 lines in the hands of a script: tmux draws it, types into it and says when something was written to it. Nothing here
sleeps: whoever waits for a text looks again when something was written, until a deadline."""

import os
import select
import subprocess
import sys
import tempfile
import termios
import time

SECONDS = 30


class Terminal:
    """Runs one command in it. What the command's environment has beside that of this process is given."""

    def __init__(self, command, environment=None, width=80, height=24):
        self.folder = tempfile.TemporaryDirectory(prefix="cimbus-terminal-")
        self.tmux = ["tmux", "-S", os.path.join(self.folder.name, "tmux"), "-f", os.path.join(self.folder.name, "conf")]
        with open(os.path.join(self.folder.name, "conf"), "w", encoding="utf-8") as file:
            # It is there until somebody ends it, and what the command left stays on the screen.
            file.write("set -g remain-on-exit on\nset -g remain-on-exit-format ''\nset -g status off\nset -g default-terminal screen\nset -g escape-time 0\n")
        subprocess.run([*self.tmux, "new-session", "-d", "-x", str(width), "-y", str(height), *command],
                       env={**os.environ, **(environment or {})}, check=True, stdin=subprocess.DEVNULL)
        self.control = subprocess.Popen([*self.tmux, "-C", "attach-session", "-f", "ignore-size"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.unread = b""
        self._answer(time.monotonic() + SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run([*self.tmux, "kill-server"], check=False, stderr=subprocess.DEVNULL)
        self.control.wait()
        self.control.stdin.close()
        self.control.stdout.close()
        self.folder.cleanup()

    def _line(self, end):
        """The next line of the control connection; None when there is none in time, or no more."""
        while b"\n" not in self.unread:
            ready, _, _ = select.select([self.control.stdout], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                return None
            more = os.read(self.control.stdout.fileno(), 65536)
            if not more:
                return None
            self.unread += more
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode("utf-8", "replace").rstrip("\r")

    def _answer(self, end):
        """What stands between the next %begin and %end."""
        lines = None
        while True:
            line = self._line(end)
            if line is None:
                sys.exit("terminal: tmux does not answer")
            if line.startswith("%begin "):
                lines = []
            elif line.startswith("%end ") and lines is not None:
                return lines
            elif line.startswith("%error ") and lines is not None:
                sys.exit(f"terminal: tmux refused: {' '.join(lines)}")
            elif lines is not None:
                lines.append(line)

    def _do(self, command):
        self.control.stdin.write(command.encode() + b"\n")
        self.control.stdin.flush()
        return self._answer(time.monotonic() + SECONDS)

    def screen(self):
        """What stands on it, without the empty lines at its end."""
        return "\n".join(line.rstrip() for line in self._do("capture-pane -p")).rstrip("\n")

    def type(self, text):
        quoted = text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$")
        self._do(f'send-keys -l -- "{quoted}"')

    def press(self, *keys):
        """Keys by their names: Enter, Tab, Up, C-d."""
        self._do("send-keys " + " ".join(keys))

    def _is_edited(self):
        """Whether a program takes each key as it comes."""
        terminal = os.open(self._do("display-message -p '#{pane_tty}'")[0], os.O_RDWR | os.O_NOCTTY)
        try:
            return not termios.tcgetattr(terminal)[3] & termios.ICANON
        finally:
            os.close(terminal)

    def wait(self, what, seen, edits=False):
        """Waits until `seen` says yes to the screen, and gives the screen. Where it does not in time, it says what was there.

        `edits`: until a program edits the line, too. libedit writes its prompt a moment before it takes the terminal, of which nobody is told; what is typed
        in this moment the terminal itself would show once more."""
        end = time.monotonic() + SECONDS
        while True:
            screen = self.screen()
            if seen(screen) and (not edits or self._is_edited()):
                return screen
            if seen(screen) and time.monotonic() < end:
                os.sched_yield()
                continue
            # Something was written, or the command has ended.
            while True:
                line = self._line(end)
                if line is None:
                    sys.exit(f"terminal: {what} did not come within {SECONDS} s; the screen:\n{screen}")
                if line.startswith("%"):
                    break

    def enter(self, text):
        self.type(text)
        self.press("Enter")
