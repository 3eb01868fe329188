# SPDX-License-Identifier: Apache-2.0
"""Mounts that come, change and go: the kernel says by poll(2) on /proc/self/mountinfo that something has (proc(5))."""

import os

from gi.repository import GLib

from event_sink import EventSink, Watch


class MountWatch:
    """Raises the events. While nobody listens no file is open. `read` gives the instances by their names."""

    def __init__(self, bus, read, path="/proc/self/mountinfo"):
        self.events = EventSink(bus, self._activity)
        self._watch, self._path = Watch(self.events, read), path
        self._file = self._source = None

    def _activity(self, is_active):
        if is_active:
            # First the file, then the look: what changes in between is told.
            self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
            self._watch.begin()
            self._source = GLib.io_add_watch(
                self._file, GLib.PRIORITY_DEFAULT, GLib.IOCondition.PRI | GLib.IOCondition.ERR, self._changed)
            print("the mounts are watched", flush=True)
        else:
            GLib.source_remove(self._source)
            os.close(self._file)
            self._watch.end()
            print("nobody listens: the mounts are not watched", flush=True)

    def look(self):
        """Something may have changed."""
        if self.events.is_active:
            self._watch.look()

    def _changed(self, file, condition):
        self.look()
        return GLib.SOURCE_CONTINUE
