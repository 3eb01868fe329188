#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A provider with dbus-fast, on asyncio. Annotations are D-Bus signatures; an error of its own is a DBusError."""
import asyncio
import sys
from dbus_fast import BusType, DBusError, Message, MessageType, Variant
from dbus_fast.aio import MessageBus
from dbus_fast.service import ServiceInterface, method

MOF = """[dynamic, provider("PolyglotDBusFast")] class Polyglot_DBusFast {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};"""
THINGS = {"bolt": [1, True, ["small", "metal"]], "nut": [2, False, []], "washer": [3, True, ["flat"]]}


def thing(path):
    name = path.split('"')[1]  # Polyglot_DBusFast.Name="bolt"
    if name not in THINGS:
        raise DBusError("org.cimbus1.Error.NotFound", f"there is no thing {name}")
    size, active, tags = THINGS[name]
    return {"__CLASS": Variant("s", "Polyglot_DBusFast"), "Name": Variant("s", name), "Size": Variant("u", size),
            "Active": Variant("b", active), "Since": Variant("s", "20260101120000.000000+000"), "Tags": Variant("as", tags)}


class Provider(ServiceInterface):
    @method()
    def CreateInstanceEnumAsync(self, namespace: "s", name: "s", flags: "i", ctx: "a{sv}", sink: "o") -> "uuaa{sv}":
        return [0, 0, [thing(f'"{name}"') for name in THINGS]]

    @method()
    def GetObjectAsync(self, namespace: "s", path: "s", flags: "i", ctx: "a{sv}", sink: "o") -> "uuaa{sv}":
        return [0, 0, [thing(path)]]

    @method()
    def ExecMethodAsync(self, namespace: "s", path: "s", name: "s", flags: "i", ctx: "a{sv}", parameters: "a{sv}",
                        sink: "o") -> "uuaa{sv}":
        before = thing(path)["Size"]
        THINGS[path.split('"')[1]][0] = parameters["Size"].value
        return [0, 0, [{"ReturnValue": Variant("u", 0), "Before": before}]]


async def main():
    bus, broker = await MessageBus(bus_type=BusType.SESSION).connect(), ""

    def only_broker(message):
        if message.interface == "org.cimbus1.Provider" and message.sender != broker:
            return Message.new_error(message, "org.cimbus1.Error.AccessDenied", "only the broker may call")

    bus.add_message_handler(only_broker)
    bus.export("/thing", Provider("org.cimbus1.Provider"))
    node = await bus.introspect("org.freedesktop.DBus", "/org/freedesktop/DBus")
    daemon = bus.get_proxy_object("org.freedesktop.DBus", "/org/freedesktop/DBus", node).get_interface("org.freedesktop.DBus")
    owners = asyncio.Queue()
    daemon.on_name_owner_changed(lambda name, old, new: name == "org.cimbus1" and owners.put_nowait(new))
    if await daemon.call_name_has_owner("org.cimbus1"):
        owners.put_nowait(await daemon.call_get_name_owner("org.cimbus1"))
    while True:
        if broker := await owners.get():  # now, and whenever the broker comes back
            reply = await bus.call(Message(broker, "/org/cimbus1", "org.cimbus1.DecoupledRegistrar", "Register", signature="ia{sv}sssso",
                                           body=[0, {"MOF": Variant("s", MOF)}, "", "", "", "PolyglotDBusFast", "/thing"]))
            if reply.message_type == MessageType.ERROR:
                sys.exit(f"cannot register: {reply.error_name}: {reply.body[0]}")
            print("registered", *reply.body, flush=True)

asyncio.run(main())
