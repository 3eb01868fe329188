#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for cimbusd, to test providers and the installation without it.

It keeps one ledger per call as rules L1 to L5, L9 and L10 say, and nothing more of the broker: one registration, no schema, no
quotas, no pings. As a program it owns org.cimbus1 on a bus; as a module it is driven by a test."""

import argparse
import signal
import sys

import dbus
import dbus.bus
import dbus.lowlevel
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

NAME, ROOT = "org.cimbus1", "/org/cimbus1"
BROKER, REGISTRAR, SERVICES = "org.cimbus1.Broker", "org.cimbus1.DecoupledRegistrar", "org.cimbus1.Services"
REGISTRARS = (REGISTRAR, "org.cimbus1.DecoupledBasicEventProvider")
PROVIDER, SINK, REFERENCE = "org.cimbus1.Provider", "org.cimbus1.ObjectSink", "org.cimbus1.SinkReference"
PROPERTIES, INTROSPECTABLE = "org.freedesktop.DBus.Properties", "org.freedesktop.DBus.Introspectable"
ERROR = "org.cimbus1.Error."
PROVIDER_FAILURE, CALL_CANCELLED = 0x80041004, 0x80041032
SIGNATURES = {
    "GetObject": "ssia{sv}o", "CreateInstanceEnum": "ssia{sv}o", "DeleteInstance": "ssia{sv}o", "PutInstance": "sa{sv}ia{sv}o",
    "ExecMethod": "sssia{sv}a{sv}o",
}


class Leg:
    """One call at the provider: its sink's ledger, and what came of it."""

    def __init__(self, owner, path, ended):
        self.owner, self.path, self._ended = owner, path, ended
        self.references, self.replied, self.kept = 0, False, False
        self.objects, self.batches, self.status, self.string, self.extended = [], [], None, "", {}
        self.result = self.error_text = None
        self.violations = []

    def replied_with(self, hresult, references, objects):
        self.replied, self.references = True, max(0, self.references + references)
        self.kept = self.kept or references > 0
        if objects:
            self.objects += objects
            self.batches.append(len(objects))
        if hresult != 0:
            self.references = 0
        self._judge(hresult)

    def failed_with(self, name, text):
        """A D-Bus error drops what the provider holds; its text starts with the number if it is one of ours."""
        self.replied, self.references, self.error_text = True, 0, text
        number = text.split(" ")[0]
        self._judge(int(number, 16) if name.startswith(ERROR) and number.startswith("0x") else PROVIDER_FAILURE)

    def released(self):
        self.references -= 1
        self._judge(PROVIDER_FAILURE)

    def vanished(self):
        self.replied, self.references = True, 0
        self._judge(PROVIDER_FAILURE)

    def cancelled(self):
        self.references, self.status = 0, CALL_CANCELLED
        self.replied = True
        self._judge(CALL_CANCELLED)

    def _judge(self, code):
        """L4, L5: over when the status is known and nobody holds the sink."""
        if self.result is None and self.replied and self.references <= 0:
            self.result = self.status if self.status is not None else (PROVIDER_FAILURE if self.kept and code == 0 else code)
            self._ended(self)


class StandInBroker:
    """All of /org/cimbus1 on one connection."""

    def __init__(self, bus):
        self.bus = bus
        self.legs, self.issued = {}, 0
        self.provider = None  # (unique name, path) of the registration
        self.registered = None  # what Register was given
        self.hold = False  # keeps back the replies to Indicate
        self.held = []
        bus.add_message_filter(self._filter)

    def call(self, operation, arguments, context, ended):
        """Asks the provider; `ended` gets the leg. One call of `ended` for each call of this, whatever the provider does."""
        self.issued += 1
        owner, path = self.provider
        leg = Leg(owner, f"{ROOT}/sinks/{self.issued}", ended)
        self.legs[leg.path] = leg
        ctx = {"__OPERATION": dbus.UInt64(self.issued), "__CLIENT_UID": dbus.UInt32(0), **context}
        ctx = dbus.Dictionary(ctx, signature="sv")
        arguments = list(arguments)
        arguments.insert(3 if operation == "ExecMethod" else 2, ctx)
        message = dbus.lowlevel.MethodCallMessage(owner, path, PROVIDER, operation + "Async")
        message.append("root/cimv2", *arguments, dbus.ObjectPath(leg.path), signature=SIGNATURES[operation])

        def replied(reply):
            if isinstance(reply, dbus.lowlevel.ErrorMessage):
                leg.failed_with(reply.get_error_name(), str((reply.get_args_list() or [""])[0]))
            else:
                leg.replied_with(*reply.get_args_list())

        self.bus.send_message_with_reply(message, replied)
        return leg

    def cancel(self, leg):
        leg.cancelled()
        message = dbus.lowlevel.MethodCallMessage(leg.owner, self.provider[1], PROVIDER, "CancelAsyncCall")
        message.set_no_reply(True)
        message.append(dbus.ObjectPath(leg.path), signature="o")
        self.bus.send_message(message)

    def _filter(self, bus, message):
        if not isinstance(message, dbus.lowlevel.MethodCallMessage):
            return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
        path, interface, member = message.get_path(), message.get_interface(), message.get_member()
        if path is None or not (path == "/" or (path + "/").startswith(ROOT + "/") or ROOT.startswith(path + "/")):
            return dbus.lowlevel.HANDLER_RESULT_NOT_YET_HANDLED
        try:
            signature, *values = self._answer(message, path, interface, member, message.get_args_list())
        except Deferred:
            return dbus.lowlevel.HANDLER_RESULT_HANDLED
        except dbus.DBusException as error:
            self._send(message, dbus.lowlevel.ErrorMessage(message, error.get_dbus_name(), error.get_dbus_message()))
        else:
            self._reply(message, signature, *values)
        return dbus.lowlevel.HANDLER_RESULT_HANDLED

    def _answer(self, message, path, interface, member, arguments):
        sender = message.get_sender()
        if interface == INTROSPECTABLE:
            return "s", introspection(path)
        if interface == PROPERTIES and path == ROOT:
            return ("v", "0.0.0") if member == "Get" else ("a{sv}", dbus.Dictionary({"Version": "0.0.0"}, signature="sv"))
        if interface in REGISTRARS and member == "Register":
            return "o", self._register(sender, arguments)
        if interface in REGISTRARS and member == "UnRegister":
            self.registered = None
            return ("",)
        if interface == SERVICES and member in SIGNATURES:
            self._serve(message, member, arguments)
        if path.startswith(ROOT + "/sinks/"):
            return self._sink(message, path, interface, member, arguments)
        raise failure("org.freedesktop.DBus.Error.UnknownMethod", f"{interface}.{member} at {path}")

    def _register(self, sender, arguments):
        if self.registered is not None:
            raise failure(ERROR + "ProviderAlreadyRegistered", f"0x80041084 {arguments[5]}")
        self.provider, self.registered = (sender, arguments[6]), arguments

        def owner_changed(owner):
            if not owner:
                watch.cancel()
                if self.provider is not None and self.provider[0] == sender:
                    self.provider = self.registered = None
                for leg in list(self.legs.values()):
                    if leg.owner == sender:
                        leg.vanished()

        watch = self.bus.watch_name_owner(sender, owner_changed)
        return f"{ROOT}/providers/root/cimv2/{arguments[5]}"

    def _sink(self, message, path, interface, member, arguments):
        leg = self.legs.get(path)
        if leg is None:
            raise failure("org.freedesktop.DBus.Error.UnknownObject", path)
        if leg.result is not None:
            leg.violations.append(f"{member} after the end")
            raise failure(ERROR + "CallCancelled", "0x80041032 the call has ended")
        if message.get_sender() != leg.owner:
            raise failure(ERROR + "AccessDenied", "0x80041003 not a holder")
        if (interface, member) == (SINK, "Indicate"):
            if leg.status is not None:
                raise failure(ERROR + "Unexpected", "0x8004101D after the status")
            leg.objects += arguments[0]
            leg.batches.append(len(arguments[0]))
            if self.hold:
                self.held.append(message)
                raise Deferred
            return ("",)
        if (interface, member) == (SINK, "SetStatus"):
            flags, code, leg.string, leg.extended = arguments
            if flags == 0 and leg.status is None:
                leg.status = int(code)
                return ("",)
            raise failure(ERROR + "Unexpected", "0x8004101D a second status")
        if (interface, member) == (REFERENCE, "AddRef"):
            leg.references, leg.kept = leg.references + 1, True
            return "u", dbus.UInt32(max(0, leg.references))
        if (interface, member) == (REFERENCE, "Release"):
            if leg.replied and leg.references <= 0:
                raise failure(ERROR + "InvalidOperation", "0x80041016 nothing to release")
            leg.released()
            return "u", dbus.UInt32(max(0, leg.references))
        raise failure("org.freedesktop.DBus.Error.UnknownMethod", member)

    def _serve(self, message, operation, arguments):
        """The sync form of an operation: the reply is the result."""
        if self.provider is None:
            raise failure(ERROR + "ProviderLoadFailure", "0x80041013 no provider has registered")

        def ended(leg):
            if leg.result != 0:
                text = leg.error_text or f"0x{leg.result:08x} {leg.extended.get('Description', '')}"
                self._send(message, dbus.lowlevel.ErrorMessage(message, ERROR + "Failed", text))
            elif operation == "CreateInstanceEnum":
                self._reply(message, "aa{sv}", dbus.Array(leg.objects, signature="a{sv}"))
            elif operation == "PutInstance":
                self._reply(message, "s", leg.string)
            elif operation == "DeleteInstance":
                self._reply(message, "")
            else:
                self._reply(message, "a{sv}", leg.objects[0] if leg.objects else dbus.Dictionary(signature="sv"))

        context = arguments.pop(3 if operation == "ExecMethod" else 2)
        self.call(operation, arguments, context, ended)
        raise Deferred

    def _reply(self, call, signature, *values):
        reply = dbus.lowlevel.MethodReturnMessage(call)
        if signature:
            reply.append(*values, signature=signature)
        self._send(call, reply)

    def _send(self, call, reply):
        if not call.get_no_reply():
            self.bus.send_message(reply)

    def let_go(self):
        """Answers the Indicates that were kept back."""
        self.hold = False
        for message in self.held:
            self._reply(message, "")
        self.held.clear()


class Deferred(Exception):
    """The reply comes later."""


def failure(name, text):
    return dbus.DBusException(text, name=name)


def introspection(path):
    """The way from / to the one namespace, an element at a time."""
    way = (ROOT + "/namespaces/root/cimv2").split("/")
    depth = 1 if path == "/" else len(path.split("/"))
    child = f'<node name="{way[depth]}"/>' if path == "/" or way[:depth] == path.split("/") and depth < len(way) else ""
    interface = {ROOT: f'<interface name="{BROKER}"><property name="Version" type="s" access="read"/></interface>',
                 "/".join(way): f'<interface name="{SERVICES}"/>'}.get(path, "")
    return f"<node>{interface}{child}</node>"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--system", action="store_true")
    which.add_argument("--session", action="store_true")
    which.add_argument("--address")
    arguments = parser.parse_args()
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    if arguments.address:
        bus = dbus.bus.BusConnection(arguments.address)
    else:
        bus = dbus.SessionBus() if arguments.session else dbus.SystemBus()
    broker = StandInBroker(bus)
    if bus.request_name(NAME, dbus.bus.NAME_FLAG_DO_NOT_QUEUE) != dbus.bus.REQUEST_NAME_REPLY_PRIMARY_OWNER:
        sys.exit("stand-in broker: another broker is there")
    print(f"stand-in broker: serving as {bus.get_unique_name()}", flush=True)
    loop = GLib.MainLoop()
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, loop.quit)
    loop.run()
    print(f"stand-in broker: stopped after {broker.issued} calls", flush=True)


if __name__ == "__main__":
    main()
