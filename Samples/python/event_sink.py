# SPDX-License-Identifier: Apache-2.0
"""The events of a provider that serves instances, too: who listens, and what is raised (org.cimbus1.EventProvider, org.cimbus1.EventSink)."""

from collections import deque

import dbus
import dbus.service

REGISTRAR = "org.cimbus1.DecoupledBasicEventProvider"
PROVIDER = "org.cimbus1.EventProvider"
SINK = "org.cimbus1.EventSink"
# Past this the oldest are lost, and counted: the broker is slow, and the source does not wait for it.
MOST_WAITING = 1_000


def registrations(name, class_name):
    """MOF: the provider, what it serves, and that it tells of each change of the instances of its class."""
    queries = ", ".join(
        f"\"SELECT * FROM __Instance{kind}Event WHERE TargetInstance ISA '{class_name}'\"" for kind in ("Creation", "Modification", "Deletion"))
    return f"""
instance of __Win32Provider as $Provider {{ Name = "{name}"; HostingModel = "Decoupled:DBus"; }};
instance of __InstanceProviderRegistration
{{
    provider = $Provider; SupportsGet = TRUE; SupportsPut = TRUE; SupportsDelete = TRUE; SupportsEnumeration = TRUE;
}};
instance of __MethodProviderRegistration {{ provider = $Provider; }};
instance of __EventProviderRegistration {{ provider = $Provider; EventQueryList = {{ {queries} }}; }};
"""


class EventSink:
    """Where events go while somebody listens. `on_activity` is called with True when the first one begins to, and with False after the last."""

    def __init__(self, bus, on_activity):
        self._bus, self._on_activity = bus, on_activity
        self._broker = self._path = None
        self._queries = {}
        self._waiting, self._lost, self._is_sending = deque(), 0, False

    @property
    def is_active(self):
        return bool(self._queries)

    def opened(self, broker, path):
        self.closed()
        self._broker, self._path = broker, path

    def closed(self):
        """The broker is gone, and with it everybody who listened."""
        self._broker = self._path = None
        self._waiting.clear()
        self._lost, self._is_sending = 0, False
        self._change(self._queries.clear)

    def new_query(self, number, text):
        self._change(lambda: self._queries.__setitem__(number, text))

    def cancel_query(self, number):
        self._change(lambda: self._queries.pop(number, None))

    def _change(self, change):
        was_active = self.is_active
        change()
        if self.is_active != was_active:
            self._on_activity(self.is_active)

    def created(self, instance):
        self._raise("Creation", TargetInstance=instance)

    def modified(self, instance, previous):
        self._raise("Modification", TargetInstance=instance, PreviousInstance=previous)

    def deleted(self, instance):
        self._raise("Deletion", TargetInstance=instance)

    def _raise(self, kind, **objects):
        if not self.is_active:
            return
        # An object in an event is an a{sv} in a variant.
        embedded = {name: dbus.Dictionary(values, signature="sv", variant_level=1) for name, values in objects.items()}
        self._waiting.append(dbus.Dictionary({"__CLASS": f"__Instance{kind}Event", **embedded}, signature="sv"))
        while len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._lost += 1
        if not self._is_sending:
            self._send()

    def _send(self):
        """One call at a time, so that the order is kept. A loss is told before what comes behind it."""
        if self._path is None or not (self._waiting or self._lost):
            self._is_sending = False
            return
        self._is_sending, broker = True, self._broker
        if self._lost:
            member, signature, arguments, self._lost = "ReportLoss", "t", (dbus.UInt64(self._lost),), 0
        else:
            member, signature, arguments = "Indicate", "aa{sv}", (dbus.Array(list(self._waiting), signature="a{sv}"),)
            self._waiting.clear()

        def done(*_):
            if broker == self._broker:
                self._send()

        self._bus.call_async(broker, self._path, SINK, member, signature, arguments, done, done)


class EventProvider(dbus.service.Object):
    """What the broker calls. `events` is an EventSink, and `_check` refuses whoever is not the broker."""

    events = None

    @dbus.service.method(PROVIDER, "oi", "u", sender_keyword="sender")
    def ProvideEvents(self, sink, flags, sender=None):
        self._check(sender)
        self.events.opened(sender, sink)
        return dbus.UInt32(0)

    @dbus.service.method(PROVIDER, "uss", "", sender_keyword="sender")
    def NewQuery(self, number, language, query, sender=None):
        self._check(sender)
        self.events.new_query(int(number), str(query))

    @dbus.service.method(PROVIDER, "u", "", sender_keyword="sender")
    def CancelQuery(self, number, sender=None):
        self._check(sender)
        self.events.cancel_query(int(number))


class Watch:
    """Looks at all instances when something has changed, and raises what is another than before. Several changes between two looks are one."""

    def __init__(self, events, read):
        self._events, self._read, self._known = events, read, {}

    def begin(self):
        self._known = self._read()

    def end(self):
        self._known = {}

    def look(self):
        """`read` gives the instances by their keys."""
        before, now = self._known, self._read()
        self._known = now
        for key in before:
            if key not in now:
                self._events.deleted(before[key])
        for key, instance in now.items():
            if key not in before:
                self._events.created(instance)
            elif instance != before[key]:
                self._events.modified(instance, before[key])
