# SPDX-License-Identifier: Apache-2.0
"""Makes a provider known to the broker, again and again."""

import sys

import dbus

from event_sink import registrations

BROKER = "org.cimbus1"
# As a provider of instances and of events.
REGISTRAR = "org.cimbus1.DecoupledBasicEventProvider"
SCOPE = "root/cimv2"
REGISTRATION = "MountedFileSystems"


class Registration:
    """Keeps the provider registered: now, and whenever a broker takes its name."""

    def __init__(self, bus, provider, mof, stop):
        self._bus, self._provider, self._stop = bus, provider, stop
        self._mof = registrations(REGISTRATION, provider.CLASS) + mof
        bus.watch_name_owner(BROKER, self._owner_changed)
        # Starts the broker where the bus knows how; where it does not, it will come by itself.
        bus.call_async(
            dbus.BUS_DAEMON_NAME, dbus.BUS_DAEMON_PATH, dbus.BUS_DAEMON_IFACE, "StartServiceByName", "su", (BROKER, 0),
            lambda *reply: None, lambda error: None)

    def _owner_changed(self, owner):
        self._provider.drop_sinks()
        self._provider.broker = str(owner)
        if not owner:
            print("waiting for a broker", file=sys.stderr, flush=True)
            return

        def registered(path):
            print(f"registered {path}", flush=True)

        def failed(error):
            if self._provider.broker != owner:
                return  # That broker is gone: the next one will be asked.
            self._stop(f"cannot register {REGISTRATION}: {error.get_dbus_message()}")

        self._call("Register", "ia{sv}sssso", (
            0, dbus.Dictionary({"MOF": self._mof}, signature="sv"), "", "", SCOPE, REGISTRATION, self._provider.path),
            registered, failed)

    def end(self, then):
        """Asks for no more calls. Open ones run on."""
        if self._provider.broker:
            self._call("UnRegister", "ss", (SCOPE, REGISTRATION), then, lambda error: then())
        else:
            then()

    def _call(self, member, signature, arguments, done, failed):
        self._bus.call_async(BROKER, "/org/cimbus1", REGISTRAR, member, signature, arguments, done, failed)
