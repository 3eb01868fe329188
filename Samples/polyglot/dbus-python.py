#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A provider with dbus-python. Numbers and empty lists say their type; an error of its own is an exception with a name."""
import sys
import dbus, dbus.mainloop.glib, dbus.service
from gi.repository import GLib

MOF = """[dynamic, provider("PolyglotDBusPython")] class Polyglot_DBusPython {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};"""
THINGS = {"bolt": [1, True, ["small", "metal"]], "nut": [2, False, []], "washer": [3, True, ["flat"]]}
REPLY = "uuaa{sv}"


class Provider(dbus.service.Object):
    broker = None

    def check(self, sender):
        if sender != self.broker:
            raise dbus.DBusException("only the broker may call", name="org.cimbus1.Error.AccessDenied")

    def thing(self, name):
        if name not in THINGS:
            raise dbus.DBusException(f"there is no thing {name}", name="org.cimbus1.Error.NotFound")
        size, active, tags = THINGS[name]
        return {"__CLASS": "Polyglot_DBusPython", "Name": name, "Size": dbus.UInt32(size), "Active": active,
                "Since": "20260101120000.000000+000", "Tags": dbus.Array(tags, signature="s")}

    @dbus.service.method("org.cimbus1.Provider", "ssia{sv}o", REPLY, sender_keyword="sender")
    def CreateInstanceEnumAsync(self, namespace, name, flags, ctx, sink, sender):
        self.check(sender)
        return 0, 0, [self.thing(name) for name in THINGS]

    @dbus.service.method("org.cimbus1.Provider", "ssia{sv}o", REPLY, sender_keyword="sender")
    def GetObjectAsync(self, namespace, path, flags, ctx, sink, sender):
        self.check(sender)
        return 0, 0, [self.thing(path.split('"')[1])]  # Polyglot_DBusPython.Name="bolt"

    @dbus.service.method("org.cimbus1.Provider", "sssia{sv}a{sv}o", REPLY, sender_keyword="sender")
    def ExecMethodAsync(self, namespace, path, method, flags, ctx, parameters, sink, sender):
        self.check(sender)
        before = self.thing(path.split('"')[1])["Size"]
        THINGS[path.split('"')[1]][0] = int(parameters["Size"])
        return 0, 0, [{"ReturnValue": dbus.UInt32(0), "Before": before}]


def owner_changed(owner):  # called at once, and whenever the broker comes or goes
    provider.broker = owner
    if owner:
        bus.call_async("org.cimbus1", "/org/cimbus1", "org.cimbus1.DecoupledRegistrar", "Register", "ia{sv}sssso",
                       (0, {"MOF": MOF}, "", "", "", "PolyglotDBusPython", "/thing"),
                       lambda path: print("registered", path, flush=True), lambda error: sys.exit(f"cannot register: {error}"))


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
provider = Provider(bus, "/thing")
watch = bus.watch_name_owner("org.cimbus1", owner_changed)
GLib.MainLoop().run()
