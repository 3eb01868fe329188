# SPDX-License-Identifier: Apache-2.0
"""The broker's sink for one call, as a provider uses it, and the broker's errors."""

import dbus
import dbus.lowlevel

SINK = "org.cimbus1.ObjectSink"
REFERENCE = "org.cimbus1.SinkReference"

# A batch is at most 256 KiB; half of that is where larger batches stop being faster.
BATCH_BYTES = 128 * 1024
# The reply to Indicate is the credit for the next one, and the broker withholds it while the client is slow. The broker ends the
# wait, or leaves the bus, which ends it too.
FOR_EVER = 2147483.0


class CIMError(dbus.DBusException):
    """A failed call: answered as the D-Bus error org.cimbus1.Error.NAME, whose text starts with WMI's number."""

    include_traceback = False

    def __init__(self, name, number, text):
        super().__init__(f"0x{number:08x} {text}", name="org.cimbus1.Error." + name)
        self.number = number
        self.text = text


class ServiceSink:
    """One reference to the sink of one call, kept by answering the call with references 1, given back by `finish`.

    Not to be used from another thread than the one that runs the main loop."""

    def __init__(self, bus, broker, path, context):
        self._bus, self._broker, self.path, self.context = bus, broker, path, context
        self.ended = False

    def indicate(self, objects, delivered, over):
        """Sends objects, then calls `delivered`; or `over` when the broker refuses them, since the call has ended then: cancelled, its
        client gone, or an object that does not fit the class."""

        def accepted():
            if not self.ended:
                delivered()

        def refused(error):
            self.ended = True
            over()

        self._bus.call_async(
            self._broker, self.path, SINK, "Indicate", "aa{sv}", (dbus.Array(objects, signature="a{sv}"),),
            accepted, refused, timeout=FOR_EVER)

    def set_status(self, hresult, string="", extended_status=None):
        """The final status. With a reference still held the call goes on until that is given back."""
        status = dbus.Dictionary(extended_status or {}, signature="sv")
        self._send(SINK, "SetStatus", "iusa{sv}", 0, dbus.UInt32(hresult), string, status)

    def finish(self, error=None):
        """The final status and the end of our reference. Does nothing when the call is over already."""
        if self.ended:
            return
        self.ended = True
        if error is None:
            self.set_status(0)
        else:
            self.set_status(error.number, extended_status={
                "__CLASS": "__ExtendedStatus", "StatusCode": dbus.UInt32(error.number), "Description": error.text})
        self._send(REFERENCE, "Release", "")

    def _send(self, interface, member, signature, *arguments):
        message = dbus.lowlevel.MethodCallMessage(self._broker, self.path, interface, member)
        message.set_no_reply(True)
        message.append(signature=signature, *arguments)
        self._bus.send_message(message)


def object_size(properties):
    """Bytes that an object takes in a message, or a little more: 32 for each property's alignment, lengths and signature."""
    total = 16
    for name, value in properties.items():
        total += 32 + len(name.encode())
        if isinstance(value, str):
            total += len(value.encode())
        elif isinstance(value, (list, tuple)):
            total += sum(12 + len(item.encode()) for item in value)
        else:
            total += 8
    return total
