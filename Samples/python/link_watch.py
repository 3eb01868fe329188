# SPDX-License-Identifier: Apache-2.0
"""Network interfaces that come, change and go: the kernel says so by rtnetlink(7)."""

import errno
import socket

from gi.repository import GLib

from event_sink import EventSink, Watch

RTMGRP_LINK = 1


class LinkWatch:
    """Raises the events. While nobody listens there is no socket. `read` gives the instances by their names."""

    def __init__(self, bus, read):
        self.events = EventSink(bus, self._activity)
        self._watch = Watch(self.events, read)
        self._socket = self._source = None

    def _activity(self, is_active):
        if is_active:
            # First the socket, then the look: what changes in between is told.
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
            self._socket.bind((0, RTMGRP_LINK))
            self._watch.begin()
            self._source = GLib.io_add_watch(self._socket.fileno(), GLib.PRIORITY_DEFAULT, GLib.IOCondition.IN, self._changed)
            print("the interfaces are watched", flush=True)
        else:
            GLib.source_remove(self._source)
            self._socket.close()
            self._watch.end()
            print("nobody listens: the interfaces are not watched", flush=True)

    def _changed(self, descriptor, condition):
        """That something came is enough: what is there now says sysfs. So a message that is lost (ENOBUFS) does no harm."""
        try:
            while self._socket.recv(65536):
                pass
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ENOBUFS):
                raise
        self._watch.look()
        return GLib.SOURCE_CONTINUE
