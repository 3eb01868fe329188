#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the Python sample against a stand-in broker, over a bus of their own: /usr/bin/python3 test_mounted_file_systems.py

Each names the rules of the contract that it guards."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

import dbus
import dbus.bus
import dbus.mainloop.glib
from gi.repository import Gio, GLib

HERE = os.path.dirname(os.path.realpath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "..", "Tests", "System"))
import provider as sample  # noqa: E402
from mount_table import Mount, read_mounts  # noqa: E402
from service_sink import object_size  # noqa: E402
from stand_in_broker import NAME, StandInBroker  # noqa: E402

CLASS = "Linux_MountedFileSystem"
ROOT_PATH = CLASS + '.Name="/"'
CONFIGURATION = """<busconfig><type>session</type><listen>unix:tmpdir={0}</listen>
<policy context="default"><allow send_destination="*"/><allow receive_sender="*"/><allow own="*"/></policy></busconfig>"""


def message_size(objects):
    """Bytes of the Indicate call that carries these objects, as GLib's own D-Bus encoder makes it."""
    codes = {dbus.UInt32: "u", dbus.UInt64: "t", dbus.Boolean: "b", dbus.Array: "as"}
    variants = [{name: GLib.Variant(codes.get(type(value), "s"), value if type(value) in codes else str(value))
                 for name, value in properties.items()} for properties in objects]
    message = Gio.DBusMessage.new_method_call("org.cimbus1", "/org/cimbus1/sinks/1", "org.cimbus1.ObjectSink", "Indicate")
    message.set_body(GLib.Variant("(aa{sv})", (variants,)))
    message.set_serial(1)
    return len(message.to_blob(Gio.DBusCapabilityFlags.NONE))


class MountTableTests(unittest.TestCase):
    def test_mountinfo(self):
        """Escapes, several mounts on one point, options, and what is no UTF-8."""
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"10 1 8:1 / /a\\040b rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
                       b"11 1 8:2 / /over rw - ext4 /dev/sda2 rw\n"
                       b"12 1 8:3 / /over rw,nosuid - xfs /dev/sda3 ro,nosuid\n"
                       b"13 1 8:4 / /\xff rw - tmpfs tmpfs rw\n"
                       b"14 1 8:4 / /\\012 rw - tmpfs tmpfs rw\n"
                       b"not a mount\n")
            file.flush()
            mounts = read_mounts(file.name)
        self.assertEqual(list(mounts), ["/a b", "/over", "/\\xff", "/\\x0a"])
        self.assertEqual((mounts["/a b"].location, mounts["/\\xff"].location), (b"/a b", b"/\xff"))
        self.assertEqual((mounts["/over"].type, mounts["/over"].options), ("xfs", ("nosuid", "ro")))

    def test_size_is_never_underestimated(self):
        """Section 3: a batch is at most 256 KiB, so that the estimate must not be below the truth."""
        for name in ("/", "/é" * 100, "/x" * 4000):
            mount = Mount(name, name.encode(), "/dev/sda1", "ext4", ("rw", "relatime", "é" * 50), 7)
            instance = sample.properties(mount, "label", sample.measure(Mount("/", b"/", "", "", (), 1)))
            estimate, overhead = object_size(instance), message_size([])
            for number in (1, 7, 64):
                self.assertLessEqual(message_size([instance] * number) - overhead, estimate * number)


def wait_until(condition, what, seconds=10):
    """Runs the main loop until an event has made the condition true; fails after the deadline."""
    context, late = GLib.MainContext.default(), []
    source = GLib.timeout_add(int(seconds * 1000), lambda: late.append(True) or GLib.SOURCE_REMOVE)
    while not condition() and not late:
        context.iteration(True)
    if late:
        raise AssertionError(f"waited {seconds} s for {what}")
    GLib.source_remove(source)


class MountedFileSystemsTests(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        configuration = os.path.join(self.folder.name, "bus.conf")
        with open(configuration, "w") as file:
            file.write(CONFIGURATION.format(self.folder.name))
        daemon = subprocess.Popen(
            ["dbus-daemon", "--config-file", configuration, "--nofork", "--print-address"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(self.end, daemon)
        self.address = daemon.stdout.readline().strip()
        self.labels = os.path.join(self.folder.name, "state", "labels.json")
        self.broker = self.new_broker()
        self.provider = self.new_provider()
        wait_until(lambda: self.broker.registered, "Register")

    def new_broker(self):
        bus = dbus.bus.BusConnection(self.address, mainloop=dbus.mainloop.glib.DBusGMainLoop())
        bus.set_exit_on_disconnect(False)
        self.addCleanup(bus.close)
        broker = StandInBroker(bus)
        bus.request_name(NAME)
        return broker

    def new_provider(self):
        provider = subprocess.Popen(
            [os.path.join(HERE, "mounted-file-systems"), "--address", self.address, "--labels", self.labels],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.addCleanup(self.end, provider)
        return provider

    def end(self, process):
        process.kill()
        process.wait()
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()

    def start(self, operation, *arguments, **context):
        return self.broker.call(operation, arguments, context, lambda leg: None)

    def call(self, operation, *arguments, **context):
        leg = self.start(operation, *arguments, **context)
        wait_until(lambda: leg.result is not None, operation)
        self.assertEqual(leg.violations, [])
        return leg

    def put(self, values, flags=0, **context):
        instance = dbus.Dictionary({"__CLASS": CLASS, **values}, signature="sv")
        return self.call("PutInstance", instance, flags, **context)

    def test_register_brings_the_class(self):
        """The MOF comes with Register; the scope is one namespace."""
        flags, ctx, user, locale, scope, registration, path = self.broker.registered
        self.assertEqual((flags, user, locale, scope, registration), (0, "", "", "root/cimv2", "MountedFileSystems"))
        self.assertIn("class " + CLASS, ctx["MOF"])

    def test_enumeration(self):
        """L2, L4, R77, R80: every instance before the status, and the reference given back."""
        leg = self.call("CreateInstanceEnum", CLASS, 0)
        self.assertEqual((leg.result, leg.status, leg.references), (0, 0, 0))
        names = [instance["Name"] for instance in leg.objects]
        self.assertIn("/proc", names)
        self.assertEqual(len(names), len(set(names)))
        for instance in leg.objects:
            self.assertEqual(instance["__CLASS"], CLASS)

    def test_batches(self):
        """Section 3: batches of at most 256 KiB, each sent when the one before has been answered; none is lost."""
        mounts = {f"/mnt/{i}": Mount(f"/mnt/{i}", b"/", "/dev/x", "ext4", ("rw",), i) for i in range(3000)}
        read, sample.read_mounts = sample.read_mounts, lambda: mounts
        self.addCleanup(setattr, sample, "read_mounts", read)
        bus = dbus.bus.BusConnection(self.address, mainloop=dbus.mainloop.glib.DBusGMainLoop())
        self.addCleanup(bus.close)
        workers = ThreadPoolExecutor(1)
        self.addCleanup(workers.shutdown)
        many = sample.MountedFileSystems(bus, {}, workers)
        many.broker = self.broker.bus.get_unique_name()
        self.broker.provider = (bus.get_unique_name(), many.path)
        self.broker.hold = True
        leg = self.start("CreateInstanceEnum", CLASS, 0)
        wait_until(lambda: self.broker.held, "the first batch")
        self.call("GetObject", CLASS + '.Name="/nowhere"', 0)  # A round trip behind it: nothing else has come.
        self.assertEqual(len(leg.batches), 1)
        self.broker.let_go()
        wait_until(lambda: leg.result is not None, "the end")
        self.assertEqual((leg.result, [o["Name"] for o in leg.objects]), (0, list(mounts)))
        self.assertGreater(len(leg.batches), 2)
        start = 0
        for number in leg.batches:
            self.assertLessEqual(message_size(leg.objects[start:start + number]), 256 * 1024)
            start += number

    def test_get(self):
        """GetObject gives exactly one object; what is not there is NotFound, what does not parse InvalidObjectPath."""
        leg = self.call("GetObject", ROOT_PATH, 0)
        self.assertEqual((leg.result, len(leg.objects)), (0, 1))
        self.assertEqual(leg.objects[0]["Size"], os.statvfs("/").f_blocks * os.statvfs("/").f_frsize)
        self.assertEqual(self.call("GetObject", CLASS + '.Name="/no\\\\such"', 0).result, 0x80041002)
        self.assertEqual(self.call("GetObject", CLASS + ".Name=7", 0).result, 0x8004103A)
        self.assertEqual(self.call("CreateInstanceEnum", "Linux_Other", 0).result, 0x80041010)

    def test_put_keeps_the_label(self):
        """R50, R71, R75: the label is written, and survives the provider; the rest is refused; a path comes back."""
        leg = self.put({"Name": "/", "Label": "system \"1\""})
        self.assertEqual((leg.result, leg.string), (0, ROOT_PATH))
        with open(self.labels) as file:
            self.assertEqual(json.load(file), {"/": 'system "1"'})
        instance = self.call("GetObject", ROOT_PATH, 0).objects[0]
        self.assertEqual(instance["Label"], 'system "1"')
        self.assertEqual(self.put({**instance, "Label": "again"}).result, 0, "what was read may be put back")
        self.assertEqual(self.put({"Name": "/", "Device": "/dev/null"}).result, 0x80041023)
        self.assertEqual(self.put({"Name": "/", "Label": 7}).result, 0x8004100F)
        self.end(self.provider)
        wait_until(lambda: self.broker.provider is None, "the provider's end")
        self.new_provider()
        wait_until(lambda: self.broker.registered, "Register")
        self.assertEqual(self.call("GetObject", ROOT_PATH, 0).objects[0]["Label"], "again")

    def test_partial_put(self):
        """R69 to R71, R74: only what is listed is written; NULL in the list removes, NULL outside of it is left alone."""
        listed = lambda *names: {"__PUT_EXTENSIONS": True, "__PUT_EXT_PROPERTIES": dbus.Array(names, signature="s")}
        self.assertEqual(self.put({"Name": "/", "Label": "one"}).result, 0)
        self.assertEqual(self.put({"Name": "/", "Label": "two", "Device": "x"}, **listed()).result, 0)
        self.assertEqual(self.put({"Name": "/"}).result, 0)
        self.assertEqual(self.call("GetObject", ROOT_PATH, 0).objects[0]["Label"], "one")
        self.assertEqual(self.put({"Name": "/", "Device": "x"}, **listed("Device")).result, 0x80041023)
        self.assertEqual(self.put({"Name": "/"}, **listed("Label")).result, 0)
        self.assertNotIn("Label", self.call("GetObject", ROOT_PATH, 0).objects[0])
        strict = {"__PUT_EXTENSIONS": True, "__PUT_EXT_STRICT_NULLS": True}
        self.assertEqual(self.put({"Name": "/"}, **strict).result, 0x80041023)

    def test_put_flags_and_rights(self):
        """CREATE_ONLY, UPDATE_ONLY, and who may label."""
        self.assertEqual(self.put({"Name": "/", "Label": "x"}, flags=2).result, 0x80041019)
        self.assertEqual(self.put({"Name": "/", "Label": "x"}, flags=1).result, 0)
        self.assertEqual(self.put({"Name": "/nowhere", "Label": "x"}, flags=1).result, 0x80041002)
        self.assertEqual(self.put({"Name": "/nowhere", "Label": "x"}).result, 0x80041024)
        self.assertEqual(self.put({"Label": "x"}).result, 0x8004100F)
        self.assertEqual(self.put({"Name": "/", "Label": "x"}, __CLIENT_UID=dbus.UInt32(65534)).result, 0x80041003)

    def test_method(self):
        """R103 to R105, R112, R113: one object with the out parameters and ReturnValue, then the status."""
        leg = self.call("ExecMethod", ROOT_PATH, "GetUsage", 0, dbus.Dictionary(signature="sv"))
        self.assertEqual((leg.result, len(leg.objects)), (0, 1))
        self.assertEqual((leg.objects[0]["__CLASS"], leg.objects[0]["ReturnValue"]), ("__PARAMETERS", 0))
        self.assertGreater(leg.objects[0]["Used"], 0)
        empty = dbus.Dictionary(signature="sv")
        self.assertEqual(self.call("ExecMethod", ROOT_PATH, "Format", 0, empty).result, 0x8004102E)

    def test_delete_is_refused(self):
        self.assertEqual(self.call("DeleteInstance", ROOT_PATH, 0).result, 0x80041024)

    def test_cancel(self):
        """L9: a cancelled call is silent from then on, and the provider goes on serving."""
        self.broker.hold = True
        leg = self.start("CreateInstanceEnum", CLASS, 0)
        wait_until(lambda: self.broker.held, "Indicate")
        self.broker.cancel(leg)
        self.broker.let_go()
        self.assertEqual(self.call("GetObject", ROOT_PATH, 0).result, 0)
        self.assertEqual((leg.result, leg.violations), (0x80041032, []))

    def test_only_the_broker_may_call(self):
        stranger = dbus.bus.BusConnection(self.address)
        self.addCleanup(stranger.close)
        owner, path = self.broker.provider
        with self.assertRaises(dbus.DBusException) as caught:
            stranger.call_blocking(
                owner, path, "org.cimbus1.Provider", "GetObjectAsync", "ssia{sv}o",
                ("root/cimv2", ROOT_PATH, 0, dbus.Dictionary(signature="sv"), dbus.ObjectPath("/sink")))
        self.assertEqual(caught.exception.get_dbus_name(), "org.cimbus1.Error.AccessDenied")

    def test_registers_again_when_the_broker_returns(self):
        """L11: references are forgotten with the old broker; the next one gets a Register of its own."""
        self.broker.hold = True
        self.start("CreateInstanceEnum", CLASS, 0)
        wait_until(lambda: self.broker.held, "Indicate")
        self.broker.bus.close()
        self.broker = self.new_broker()
        wait_until(lambda: self.broker.registered, "Register at the second broker")
        self.assertEqual(self.call("GetObject", ROOT_PATH, 0).result, 0)

    def test_ends_cleanly(self):
        """SIGTERM: UnRegister, open calls finished, exit status 0."""
        self.broker.hold = True
        leg = self.start("CreateInstanceEnum", CLASS, 0)
        wait_until(lambda: self.broker.held, "Indicate")
        self.provider.send_signal(signal.SIGTERM)
        wait_until(lambda: self.broker.registered is None, "UnRegister")
        self.broker.let_go()
        wait_until(lambda: leg.result is not None, "the open call's end")
        self.assertEqual(leg.result, 0)
        self.assertEqual(self.provider.wait(timeout=10), 0)

    def test_a_broken_label_file_is_left_alone(self):
        self.end(self.provider)
        os.makedirs(os.path.dirname(self.labels), exist_ok=True)
        with open(self.labels, "w") as file:
            file.write("[1]")
        provider = self.new_provider()
        _, message = provider.communicate(timeout=10)
        self.assertEqual(provider.returncode, 1)
        self.assertIn("labels.json: expected one JSON object", message)


if __name__ == "__main__":
    unittest.main()
