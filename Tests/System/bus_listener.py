#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A peer on the system bus that owns no name and answers every method call with success: whether a call reaches it is the bus's
decision alone. Prints its unique name, and ends with its standard input."""

import sys

import dbus
import dbus.lowlevel
import dbus.mainloop.glib
from gi.repository import GLib

dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SystemBus()
loop = GLib.MainLoop()


def answer(connection, message):
    if not isinstance(message, dbus.lowlevel.MethodCallMessage):
        return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
    connection.send_message(dbus.lowlevel.MethodReturnMessage(message))
    return dbus.lowlevel.HANDLER_RESULT_HANDLED


bus.add_message_filter(answer)
GLib.io_add_watch(sys.stdin, GLib.IO_HUP | GLib.IO_IN, lambda *event: loop.quit())
print(bus.get_unique_name(), flush=True)
loop.run()
