#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A provider with PyGObject (Gio). Every way out of the handler answers: an exception that leaves it is no answer."""
from gi.repository import Gio, GLib

MOF = """[dynamic, provider("PolyglotGio")] class Polyglot_Gio {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};"""
REPLY = '<arg type="u" direction="out"/><arg type="u" direction="out"/><arg type="aa{sv}" direction="out"/>'
PROVIDER = Gio.DBusNodeInfo.new_for_xml(f"""<node><interface name="org.cimbus1.Provider">
    <method name="CreateInstanceEnumAsync"><arg type="s"/><arg type="s"/><arg type="i"/><arg type="a{{sv}}"/><arg type="o"/>{REPLY}</method>
    <method name="GetObjectAsync"><arg type="s"/><arg type="s"/><arg type="i"/><arg type="a{{sv}}"/><arg type="o"/>{REPLY}</method>
    <method name="ExecMethodAsync"><arg type="s"/><arg type="s"/><arg type="s"/><arg type="i"/><arg type="a{{sv}}"/><arg type="a{{sv}}"/>
        <arg type="o"/>{REPLY}</method></interface></node>""").interfaces[0]
THINGS = {"bolt": [1, True, ["small", "metal"]], "nut": [2, False, []], "washer": [3, True, ["flat"]]}
broker = None


def thing(name):
    size, active, tags = THINGS[name]
    return {"__CLASS": GLib.Variant("s", "Polyglot_Gio"), "Name": GLib.Variant("s", name), "Size": GLib.Variant("u", size),
            "Active": GLib.Variant("b", active), "Since": GLib.Variant("s", "20260101120000.000000+000"), "Tags": GLib.Variant("as", tags)}


def result(method, arguments):
    if method == "CreateInstanceEnumAsync":
        return [thing(name) for name in THINGS]
    name = arguments[1].split('"')[1]  # Polyglot_Gio.Name="bolt"
    if method == "GetObjectAsync":
        return [thing(name)]
    before, THINGS[name][0] = THINGS[name][0], arguments[5]["Size"]
    return [{"ReturnValue": GLib.Variant("u", 0), "Before": GLib.Variant("u", before)}]


def called(connection, sender, path, interface, method, arguments, invocation):
    try:
        if sender != broker:
            return invocation.return_dbus_error("org.cimbus1.Error.AccessDenied", "only the broker may call")
        invocation.return_value(GLib.Variant("(uuaa{sv})", (0, 0, result(method, arguments.unpack()))))
    except KeyError as key:
        invocation.return_dbus_error("org.cimbus1.Error.NotFound", f"there is no thing {key}")
    except Exception as error:
        invocation.return_dbus_error("org.cimbus1.Error.Failed", repr(error))


def appeared(connection, name, owner):  # at once, and whenever the broker comes back
    global broker
    broker = owner
    arguments = GLib.Variant("(ia{sv}sssso)", (0, {"MOF": GLib.Variant("s", MOF)}, "", "", "", "PolyglotGio", "/thing"))
    path = connection.call_sync(owner, "/org/cimbus1", "org.cimbus1.DecoupledRegistrar", "Register", arguments, None, 0, -1, None)
    print("registered", *path, flush=True)


bus = Gio.bus_get_sync(Gio.BusType.SESSION)
bus.register_object("/thing", PROVIDER, called, None, None)
Gio.bus_watch_name_on_connection(bus, "org.cimbus1", Gio.BusNameWatcherFlags.NONE, appeared, None)
GLib.MainLoop().run()
