# SPDX-License-Identifier: Apache-2.0
"""Linux_MountedFileSystem: what the broker calls."""

import os

import dbus
import dbus.service
from gi.repository import GLib

from event_sink import EventProvider
from mount_table import measure, read_mounts
from mount_watch import MountWatch
from mounted_file_system import Linux_MountedFileSystem, Linux_MountedFileSystem_GetUsage_Output
from service_sink import BATCH_BYTES, CIMError, ServiceSink, object_size

BROKER = "org.cimbus1"
PROVIDER = "org.cimbus1.Provider"
CLASS = Linux_MountedFileSystem.CLASS
PATH = "/org/cimbus1/samples/MountedFileSystems"
RESULT = "uuaa{sv}"
NOTHING = dbus.Array([], signature="a{sv}")

UPDATE_ONLY, CREATE_ONLY = 1, 2
MEASURED = {"BlockSize", "Size", "FreeSpace", "AvailableSpace", "Files", "FreeFiles"}
TYPES = {"b": dbus.Boolean, "d": dbus.Double, "u": dbus.UInt32, "t": dbus.UInt64}


def variant(signature, value):
    """A value as python3-dbus sends it in a variant."""
    if signature.startswith("a"):
        return dbus.Array(value, signature=signature[1:])
    return TYPES.get(signature, str)(value)


def refuse(name, number, text):
    raise CIMError(name, number, text)


def mount_of(path):
    """The mount that a path (Linux_MountedFileSystem.Name="/home") names."""
    try:
        name = Linux_MountedFileSystem.keys_of(path)["name"]
    except ValueError:
        refuse("InvalidObjectPath", 0x8004103A, f'{path}: expected {CLASS}.Name="MOUNT POINT"')
    return named_mount(name)


def named_mount(name):
    mount = read_mounts().get(name)
    if mount is None:
        refuse("NotFound", 0x80041002, f"no file system is mounted on {name}; enumerate {CLASS} to see what is")
    return mount


def relative_path(mount):
    return Linux_MountedFileSystem(name=mount.name).path()


def properties(mount, label, usage=None):
    """An instance. What is not known is absent: NULL."""
    instance = Linux_MountedFileSystem(
        name=mount.name, device=mount.device, file_system_type=mount.type, options=list(mount.options), read_only=mount.read_only,
        mount_id=mount.mount_id, label=label)
    if usage is not None:
        instance.block_size, instance.size, instance.free_space = usage.block_size, usage.size, usage.free
        instance.available_space, instance.files, instance.free_files = usage.available, usage.files, usage.free_files
    return dbus.Dictionary(instance.to_properties(variant), signature="sv")


class MountedFileSystems(EventProvider):
    """The provider. What may block runs on `workers`; everything else, all D-Bus included, on the main loop's thread."""

    CLASS = CLASS

    def __init__(self, bus, labels, workers):
        super().__init__(bus, PATH)
        self.path = dbus.ObjectPath(PATH)
        self._bus, self._labels, self._workers = bus, labels, workers
        self.broker = ""  # unique name of the broker we are registered with
        self.open = {}  # sinks of the calls we still work on, by path
        self.idle = lambda: None  # called when the last of them has ended
        # Not measured: a file system may take for ever to say how much room it has.
        self._mounts = MountWatch(bus, lambda: {
            name: properties(mount, labels.get(name)) for name, mount in read_mounts().items()})
        self.events = self._mounts.events

    def drop_sinks(self):
        """The broker is gone, and our references with it, and whoever listened."""
        self.events.closed()
        for sink in self.open.values():
            sink.ended = True
        self.open.clear()

    @dbus.service.method(PROVIDER, "ssia{sv}o", RESULT, sender_keyword="sender")
    def GetObjectAsync(self, namespace, path, flags, ctx, sink, sender=None):
        self._check(sender)
        mount = mount_of(path)

        def measured(usage, sink):
            self._indicate(sink, [properties(mount, self._labels.get(mount.name), usage)], lambda: self._finish(sink))

        return self._work(sender, sink, ctx, lambda: measure(mount), measured)

    @dbus.service.method(PROVIDER, "ssia{sv}o", RESULT, sender_keyword="sender")
    def CreateInstanceEnumAsync(self, namespace, class_name, flags, ctx, sink, sender=None):
        self._check(sender)
        if class_name.casefold() != CLASS.casefold():
            refuse("InvalidClass", 0x80041010, f"{class_name}: this provider serves {CLASS}")
        mounts = iter(list(read_mounts().values()))

        def next_batch():
            batch, size = [], 0
            for mount in mounts:
                batch.append((mount, measure(mount)))
                size += object_size(properties(mount, self._labels.get(mount.name), batch[-1][1]))
                if size >= BATCH_BYTES:
                    break
            return batch

        def gathered(batch, sink):
            if not batch:
                self._finish(sink)
            else:
                objects = [properties(mount, self._labels.get(mount.name), usage) for mount, usage in batch]
                self._indicate(sink, objects, lambda: self._continue(sink, next_batch, gathered))

        return self._work(sender, sink, ctx, next_batch, gathered)

    @dbus.service.method(PROVIDER, "sa{sv}ia{sv}o", RESULT, sender_keyword="sender")
    def PutInstanceAsync(self, namespace, instance, flags, ctx, sink, sender=None):
        """Writes the label: the one thing here that takes no time, so that the reply is the end and no reference is kept."""
        self._check(sender)
        values = {name: value for name, value in instance.items() if not name.startswith("__")}
        mount = self._put_target(values, flags)
        uid = ctx.get("__CLIENT_UID")
        if uid is None or uid not in (0, os.getuid()):
            refuse("AccessDenied", 0x80041003, f"uid {uid} may not label {mount.name}; root and uid {os.getuid()} may")

        partial = bool(ctx.get("__PUT_EXTENSIONS", False))
        selected = ctx.get("__PUT_EXT_PROPERTIES") if partial else None
        strict = partial and bool(ctx.get("__PUT_EXT_STRICT_NULLS", False))
        wanted = None if selected is None else {str(name).casefold() for name in selected}
        self._check_unwritable(mount, values, wanted, strict)

        if wanted is None or "label" in wanted:
            label = values.get("Label")
            if label is not None and (not isinstance(label, str) or len(label) > 255):
                refuse("InvalidObject", 0x8004100F, "Label: expected a string of at most 255 characters")
            if label is not None or strict or wanted is not None:
                try:
                    self._labels.set(mount.name, None if label is None else str(label))
                except OSError as error:
                    refuse("Failed", 0x80041001, f"the label of {mount.name} was not kept: {error}")
                self._mounts.look()
        ServiceSink(self._bus, sender, sink, ctx).set_status(0, relative_path(mount))
        return dbus.UInt32(0), dbus.UInt32(0), NOTHING

    def _put_target(self, values, flags):
        name = values.get("Name")
        if not isinstance(name, str):
            refuse("InvalidObject", 0x8004100F, "Name: the mount point is missing; this provider does not choose one")
        mount = read_mounts().get(name)
        if mount is None and flags & UPDATE_ONLY:
            refuse("NotFound", 0x80041002, f"no file system is mounted on {name}")
        if mount is None:
            refuse("ProviderNotCapable", 0x80041024, f"no file system is mounted on {name}, and this provider does not mount one")
        if flags & CREATE_ONLY:
            refuse("AlreadyExists", 0x80041019, f"a file system is mounted on {name} already; put without CREATE_ONLY to label it")
        return mount

    def _check_unwritable(self, mount, values, wanted, strict):
        """Refuses what asks for a change of anything but the label. What a client has read and puts back unchanged asks for no
        change, and measurements, which change on their own, never do unless they are named."""
        current = properties(mount, None)
        for name in set(values) | (set(current) if strict else set()):
            if name in ("Name", "Label", "__CLASS") or (wanted is not None and name.casefold() not in wanted):
                continue
            value = values.get(name)
            if value is None:
                asks = current.get(name) is not None and strict
            elif name in MEASURED:
                asks = wanted is not None
            else:
                asks = value != current.get(name)
            if asks:
                refuse("ReadOnly", 0x80041023, f"{name} of {mount.name} cannot be changed; Label can")

    @dbus.service.method(PROVIDER, "ssia{sv}o", RESULT, sender_keyword="sender")
    def DeleteInstanceAsync(self, namespace, path, flags, ctx, sink, sender=None):
        self._check(sender)
        refuse("ProviderNotCapable", 0x80041024, f"{path}: this provider does not unmount file systems; use umount(8)")

    @dbus.service.method(PROVIDER, "sssia{sv}a{sv}o", RESULT, sender_keyword="sender")
    def ExecMethodAsync(self, namespace, path, method, flags, ctx, in_parameters, sink, sender=None):
        self._check(sender)
        if method.casefold() != "getusage":
            refuse("InvalidMethod", 0x8004102E, f"{method}: {CLASS} has the method GetUsage")
        mount = mount_of(path)

        def measured(usage, sink):
            if usage is None:
                self._finish(sink, CIMError("NotAvailable", 0x80041009, f"{mount.name} does not say how much space it has"))
                return
            used, room = usage.size - usage.free, usage.size - usage.free + usage.available
            output = Linux_MountedFileSystem_GetUsage_Output(
                return_value=0, used=used, available=usage.available, percent_used=100 * used / room if room else 0)
            self._indicate(sink, [dbus.Dictionary(output.to_properties(variant), signature="sv")], lambda: self._finish(sink))

        return self._work(sender, sink, ctx, lambda: measure(mount), measured)

    @dbus.service.method(PROVIDER, "o", "", sender_keyword="sender")
    def CancelAsyncCall(self, sink, sender=None):
        """Nobody waits for the result any more, and our reference has been dropped for us."""
        self._check(sender)
        work = self.open.pop(sink, None)
        if work is not None:
            work.ended = True

    def _check(self, sender):
        """The system bus lets only the broker's user call us; another bus lets anyone."""
        if not self.broker or sender != self.broker and sender not in self._connections_of_broker():
            refuse("AccessDenied", 0x80041003, f"{sender} is not the broker; call {BROKER}")

    def _connections_of_broker(self):
        """The broker has others while providers leave calls unanswered; it says itself which."""
        try:
            return self._bus.call_blocking(
                self.broker, "/org/cimbus1", dbus.PROPERTIES_IFACE, "Get", "ss", ("org.cimbus1.Broker", "Connections"), timeout=5)
        except dbus.DBusException:
            return []

    def _work(self, broker, path, ctx, blocking, then):
        """Answers the call with one reference kept, and goes on."""
        sink = self.open[path] = ServiceSink(self._bus, broker, path, ctx)
        self._continue(sink, blocking, then)
        return dbus.UInt32(0), dbus.UInt32(1), NOTHING

    def _continue(self, sink, blocking, then):
        """Runs `blocking` on a worker, then `then` with its result on the main loop, unless the call is over by then."""

        def done(future):
            GLib.idle_add(resume, future)

        def resume(future):
            if not sink.ended:
                error = future.exception()
                if error is None:
                    then(future.result(), sink)
                else:
                    self._finish(sink, CIMError("ProviderFailure", 0x80041004, str(error) or type(error).__name__))
            self._forget(sink)
            return GLib.SOURCE_REMOVE

        self._workers.submit(blocking).add_done_callback(done)

    def _indicate(self, sink, objects, delivered):
        sink.indicate(objects, delivered, lambda: self._forget(sink))

    def _finish(self, sink, error=None):
        sink.finish(error)
        self._forget(sink)

    def _forget(self, sink):
        if sink.ended and self.open.get(sink.path) is sink:
            del self.open[sink.path]
        if not self.open:
            self.idle()
