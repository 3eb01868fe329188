#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A media player as desktops have them (MPRIS 2.2), without a sound: what the system test adopts on a session bus."""

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME, PATH = "org.mpris.MediaPlayer2.cimbus", "/org/mpris/MediaPlayer2"
PLAYER, PROPERTIES = "org.mpris.MediaPlayer2.Player", "org.freedesktop.DBus.Properties"
NOT_TODAY = "org.mpris.MediaPlayer2.cimbus.Error.NotToday"


class Refusal(dbus.DBusException):
    _dbus_error_name = NOT_TODAY


class Player(dbus.service.Object):
    def __init__(self, bus):
        super().__init__(bus, PATH)
        self.values = {
            "PlaybackStatus": dbus.String("Playing"), "Rate": dbus.Double(1.0), "Volume": dbus.Double(0.5), "Position": dbus.Int64(61_500_000),
            "Metadata": dbus.Dictionary({"xesam:title": dbus.String("Goldberg"), "xesam:artist": dbus.Array(["Bach", "Gould"], signature="s"),
                                         "mpris:length": dbus.Int64(180_000_000)}, signature="sv"),
            "CanPlay": dbus.Boolean(True),
        }

    @dbus.service.method(PROPERTIES, in_signature="ss", out_signature="v")
    def Get(self, interface, name):
        return self.values[name]

    @dbus.service.method(PROPERTIES, in_signature="s", out_signature="a{sv}")
    def GetAll(self, interface):
        return self.values

    @dbus.service.method(PROPERTIES, in_signature="ssv", out_signature="")
    def Set(self, interface, name, value):
        self.values[name] = value

    @dbus.service.method(PLAYER, in_signature="", out_signature="")
    def Pause(self):
        self.values["PlaybackStatus"] = dbus.String("Paused")

    @dbus.service.method(PLAYER, in_signature="x", out_signature="")
    def Seek(self, offset):
        self.values["Position"] = dbus.Int64(self.values["Position"] + offset)

    @dbus.service.method(PLAYER, in_signature="", out_signature="")
    def Stop(self):
        raise Refusal("the record is stuck")


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
player = Player(bus)
name = dbus.service.BusName(NAME, bus)
print("ready", flush=True)
GLib.MainLoop().run()
