#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the Python child provider, over a bus of its own: /usr/bin/python3 test_ethernet_interfaces.py"""

import os
import subprocess
import sys
import tempfile
import unittest
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader

import dbus
import dbus.bus
import dbus.mainloop.glib

HERE = os.path.dirname(os.path.realpath(__file__))
SAMPLE = os.path.join(HERE, "ethernet-interfaces")
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, "..", "..", "Tests", "System"))
from stand_in_broker import NAME, StandInBroker  # noqa: E402
from test_mounted_file_systems import CONFIGURATION, wait_until  # noqa: E402
loader = SourceFileLoader("ethernet_interfaces", SAMPLE)
sample = module_from_spec(spec_from_loader("ethernet_interfaces", loader))
loader.exec_module(sample)


class EthernetInterfacesTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.join(folder.name, "net")
        self.add("lo", type="772", mtu="65536")
        self.add("eth0", type="1", mtu="1500", speed="-1", tx_queue_len="1000")
        self.add("eth1", type="1", speed="2500")
        self.work = folder.name

    def add(self, name, **files):
        os.makedirs(os.path.join(self.folder, name))
        for file, text in files.items():
            with open(os.path.join(self.folder, name, file), "w", encoding="utf-8") as output:
                output.write(text + "\n")

    def test_own_properties(self):
        """C.3: the key and the class's own properties, nothing inherited; what is not known is absent."""
        self.assertEqual(
            sample.interface(self.folder, "eth0"), {"__CLASS": "Linux_EthernetInterface", "Name": "eth0", "TransmitQueueLength": 1000})
        self.assertEqual(sample.interface(self.folder, "eth1")["LinkSpeed"], 2500)
        self.assertIsNone(sample.interface(self.folder, "lo"))
        self.assertIsNone(sample.interface(self.folder, "eth2"))

    def test_on_the_bus(self):
        """L2: the reply is the whole answer. Only the broker may call."""
        with open(os.path.join(self.work, "bus.conf"), "w", encoding="utf-8") as file:
            file.write(CONFIGURATION.format(self.work))
        daemon = subprocess.Popen(
            ["dbus-daemon", f"--config-file={file.name}", "--nofork", "--print-address=1"],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(daemon.communicate)
        self.addCleanup(daemon.kill)
        address = daemon.stdout.readline().strip()
        provider = subprocess.Popen([SAMPLE, "--address", address, "--net", self.folder], stdout=subprocess.PIPE, text=True)
        self.addCleanup(provider.communicate)
        self.addCleanup(provider.kill)
        bus = dbus.bus.BusConnection(address, mainloop=dbus.mainloop.glib.DBusGMainLoop())
        bus.set_exit_on_disconnect(False)
        self.addCleanup(bus.close)
        broker = StandInBroker(bus)
        bus.request_name(NAME)
        wait_until(lambda: broker.registered, "Register")
        context, scope, name, path = broker.registered[1], *broker.registered[4:]
        self.assertIn("class Linux_EthernetInterface : Linux_NetworkInterface", context["MOF"])
        self.assertEqual((scope, name, path), ("root/cimv2", "EthernetInterfaces", sample.PATH))

        def call(operation, subject):
            ended = []
            leg = broker.call(operation, (subject, 0), {}, ended.append)
            wait_until(lambda: ended, operation)
            self.assertEqual((ended[0].violations, ended[0].kept), ([], False))
            return ended[0]

        leg = call("CreateInstanceEnum", sample.CLASS)
        self.assertEqual((leg.result, [each["Name"] for each in leg.objects]), (0, ["eth0", "eth1"]))
        leg = call("GetObject", sample.CLASS + '.Name="eth0"')
        self.assertEqual((leg.result, leg.objects[0]["TransmitQueueLength"]), (0, 1000))
        for name in ("lo", "..", "eth7"):
            self.assertEqual(call("GetObject", f'{sample.CLASS}.Name="{name}"').result, 0x80041002)
        stranger = dbus.bus.BusConnection(address)
        self.addCleanup(stranger.close)
        with self.assertRaises(dbus.DBusException) as raised:
            stranger.call_blocking(
                broker.provider[0], sample.PATH, "org.cimbus1.Provider", "CreateInstanceEnumAsync", "ssia{sv}o",
                ("root/cimv2", sample.CLASS, 0, dbus.Dictionary(signature="sv"), "/sinks/1"))
        self.assertEqual(raised.exception.get_dbus_name(), "org.cimbus1.Error.AccessDenied")


if __name__ == "__main__":
    unittest.main()
