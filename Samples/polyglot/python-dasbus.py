#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A provider with dasbus. Annotations make the interface; an error of its own is a class that the mapper gives a name."""
from dasbus.client.observer import DBusObserver
from dasbus.connection import SessionMessageBus
from dasbus.error import DBusError, ErrorMapper, get_error_decorator
from dasbus.loop import EventLoop
from dasbus.server.interface import accepts_additional_arguments, dbus_interface, returns_multiple_arguments
from dasbus.typing import Bool, Dict, Int, List, ObjPath, Str, Tuple, UInt32, Variant, get_variant

MOF = """[dynamic, provider("PolyglotDasbus")] class Polyglot_Dasbus {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};"""
THINGS = {"bolt": [1, True, ["small", "metal"]], "nut": [2, False, []], "washer": [3, True, ["flat"]]}
Context = Dict[Str, Variant]
Reply = Tuple[UInt32, UInt32, List[Dict[Str, Variant]]]
errors = ErrorMapper()
dbus_error = get_error_decorator(errors)


@dbus_error("org.cimbus1.Error.NotFound")
class NotFound(DBusError):
    pass




def thing(name):
    if name not in THINGS:
        raise NotFound(f"there is no thing {name}")
    size, active, tags = THINGS[name]
    return {"__CLASS": get_variant(Str, "Polyglot_Dasbus"), "Name": get_variant(Str, name), "Size": get_variant(UInt32, size),
            "Active": get_variant(Bool, active), "Since": get_variant(Str, "20260101120000.000000+000"),
            "Tags": get_variant(List[Str], tags)}


@dbus_interface("org.cimbus1.Provider")
class Provider:
    @returns_multiple_arguments
    def CreateInstanceEnumAsync(self, namespace: Str, name: Str, flags: Int, ctx: Context, sink: ObjPath) -> Reply:
        return 0, 0, [thing(name) for name in THINGS]

    @returns_multiple_arguments
    def GetObjectAsync(self, namespace: Str, path: Str, flags: Int, ctx: Context, sink: ObjPath) -> Reply:
        return 0, 0, [thing(path.split('"')[1])]

    @returns_multiple_arguments
    def ExecMethodAsync(self, namespace: Str, path: Str, method: Str, flags: Int, ctx: Context, parameters: Context,
                        sink: ObjPath) -> Reply:
        name = path.split('"')[1]
        before = thing(name)["Size"]
        THINGS[name][0] = parameters["Size"].unpack()
        return 0, 0, [{"ReturnValue": get_variant(UInt32, 0), "Before": before}]


def available(observer):  # now, and whenever the broker comes back
    registrar = bus.get_proxy("org.cimbus1", "/org/cimbus1", "org.cimbus1.DecoupledRegistrar")
    try:
        print("registered", registrar.Register(0, {"MOF": get_variant(Str, MOF)}, "", "", "", "PolyglotDasbus", "/thing"), flush=True)
    except DBusError as error:
        print("refused:", error.dbus_name, error, flush=True)


bus = SessionMessageBus(error_mapper=errors)
bus.publish_object("/thing", Provider())
observer = DBusObserver(bus, "org.cimbus1")
observer.service_available.connect(available)
observer.connect_once_available()
EventLoop().run()
