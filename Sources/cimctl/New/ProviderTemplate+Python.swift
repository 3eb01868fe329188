extension ProviderTemplate {
    var pythonFiles: [File] {
        [
            File(path: "\(name).mof", text: mof), File(path: name.program, text: pythonProgram, isProgram: true),
            File(path: "test_\(name.user).py", text: pythonTests, isProgram: true), File(path: "README.md", text: pythonPage),
        ]
    }

    private var pythonProgram: String {
        #"""
        #!/usr/bin/python3
        """The provider \#(name): items, groups, and which item is in which group.

        usage: \#(name.program) [--session]    serves on the system bus, or on the session bus"""

        import os
        import re
        import signal
        import sys

        import dbus
        import dbus.mainloop.glib
        import dbus.service
        from gi.repository import GLib

        NAME, BUS_NAME = "\#(name)", "\#(name.busName)"
        ITEM, GROUP, LINK = f"{NAME}_Item", f"{NAME}_Group", f"{NAME}_ItemInGroup"
        BROKER, PROVIDER, PATH = "org.cimbus1", "org.cimbus1.Provider", "/org/cimbus1/Provider"
        RESULT = "uuaa{sv}"  # status, references kept, objects: the reply is the whole answer
        UPDATE_ONLY, CREATE_ONLY = 1, 2


        class CIMError(dbus.DBusException):
            """The client's error."""
            include_traceback = False

            def __init__(self, name, text):
                super().__init__(text, name=f"org.cimbus1.Error.{name}")


        class Store:
            """The items, by name in lower case: keys of CIM differ in more than case. Put what you manage in its place."""

            def __init__(self):
                self.items = {name: {"Name": name, "Note": note, "UseCount": 0} for name, note in
                              (("anchor", None), ("apple", "a fruit"), ("bell", None))}

            def get(self, name):
                if name.lower() not in self.items:
                    raise CIMError("NotFound", f"there is no item {name}")
                return self.items[name.lower()]

            def put(self, name, note, use_count, flags):
                if not name:
                    raise CIMError("InvalidObject", "an item needs a Name")
                old = self.items.get(name.lower())
                if flags & CREATE_ONLY and old:
                    raise CIMError("AlreadyExists", f"there is an item {name} already")
                if flags & UPDATE_ONLY and not old:
                    raise CIMError("NotFound", f"there is no item {name}")
                if old and use_count not in (None, old["UseCount"]):
                    raise CIMError("ReadOnly", f"UseCount of {name} is {old['UseCount']}, and cannot be written")
                self.items[name.lower()] = {**(old or {"Name": name, "UseCount": 0}), "Note": note}

            def delete(self, name):
                self.get(name)
                del self.items[name.lower()]


        def keys(path):
            """The keys in a path such as Class.Name="value",Other="…", by their names in lower case."""
            found = re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', path)
            return {name.lower(): re.sub(r"\\(.)", r"\1", value) for name, value in found}


        def name_of(path):
            if "name" not in keys(path):
                raise CIMError("InvalidObjectPath", f"{path} has no Name")
            return keys(path)["name"]


        def path(class_name, name):
            quoted = name.replace("\\", "\\\\").replace('"', '\\"')
            return f'{class_name}.Name="{quoted}"'


        def instance(class_name, **values):
            """An object as it travels. A property without a value is absent, which is NULL."""
            return {"__CLASS": class_name, **{name: value for name, value in values.items() if value is not None}}


        class Provider(dbus.service.Object):
            """Answers the broker."""

            def __init__(self, bus, store):
                super().__init__(bus, PATH)
                self.bus, self.store, self.broker = bus, store, None

            def check(self, sender):
                """The policy of the system bus lets only the broker call a provider; other buses let anyone."""
                if sender != self.broker and sender not in self.brokers_connections():
                    raise CIMError("AccessDenied", f"{sender} is not the broker; call {BROKER}")

            def brokers_connections(self):
                try:
                    return self.bus.call_blocking(self.broker, "/org/cimbus1", dbus.PROPERTIES_IFACE, "Get", "ss",
                                                  ("org.cimbus1.Broker", "Connections"), timeout=5)
                except (TypeError, dbus.DBusException):
                    return []

            def check_writer(self, context):
                """The provider acts with its own rights. Root and the provider's user may change something, and nobody else."""
                if context.get("__CLIENT_UID") not in (0, os.getuid()):
                    raise CIMError("AccessDenied", f"root and uid {os.getuid()} may change items")

            def instances(self, class_name):
                items = sorted(self.store.items.values(), key=lambda item: item["Name"])
                group = {item["Name"]: item["Name"][0].upper() for item in items}
                if class_name.lower() == ITEM.lower():
                    return [instance(ITEM, **{**item, "UseCount": dbus.UInt32(item["UseCount"])}) for item in items]
                if class_name.lower() == GROUP.lower():
                    return [instance(GROUP, Name=letter) for letter in sorted(set(group.values()))]
                return [instance(LINK, Group=path(GROUP, group[item["Name"]]), Item=path(ITEM, item["Name"])) for item in items]

            @dbus.service.method(PROVIDER, "ssia{sv}o", RESULT, sender_keyword="sender")
            def CreateInstanceEnumAsync(self, namespace, class_name, flags, context, sink, sender=None):
                self.check(sender)
                return 0, 0, dbus.Array(self.instances(class_name), signature="a{sv}")

            @dbus.service.method(PROVIDER, "ssia{sv}o", RESULT, sender_keyword="sender")
            def GetObjectAsync(self, namespace, object_path, flags, context, sink, sender=None):
                self.check(sender)
                class_name = object_path.split(".")[0]
                wanted = {name: value.lower() for name, value in keys(object_path).items()}
                for found in self.instances(class_name):
                    if wanted.items() <= {name.lower(): str(value).lower() for name, value in found.items()}.items():
                        return 0, 0, dbus.Array([found], signature="a{sv}")
                raise CIMError("NotFound", f"there is no {object_path}")

            @dbus.service.method(PROVIDER, "sa{sv}ia{sv}o", RESULT, sender_keyword="sender")
            def PutInstanceAsync(self, namespace, values, flags, context, sink, sender=None):
                self.check(sender)
                self.check_writer(context)
                if str(values.get("__CLASS", "")).lower() != ITEM.lower() or context.get("__PUT_EXTENSIONS"):
                    raise CIMError("ProviderNotCapable", f"whole instances of {ITEM} can be put, and nothing else")
                self.store.put(str(values.get("Name", "")), values.get("Note"), values.get("UseCount"), flags)
                return 0, 0, dbus.Array([], signature="a{sv}")

            @dbus.service.method(PROVIDER, "ssia{sv}o", RESULT, sender_keyword="sender")
            def DeleteInstanceAsync(self, namespace, object_path, flags, context, sink, sender=None):
                self.check(sender)
                self.check_writer(context)
                if object_path.split(".")[0].lower() != ITEM.lower():
                    raise CIMError("ProviderNotCapable", f"instances of {ITEM} can be deleted, and no others")
                self.store.delete(name_of(object_path))
                return 0, 0, dbus.Array([], signature="a{sv}")

            @dbus.service.method(PROVIDER, "sssia{sv}a{sv}o", RESULT, sender_keyword="sender")
            def ExecMethodAsync(self, namespace, object_path, method, flags, context, parameters, sink, sender=None):
                self.check(sender)
                self.check_writer(context)
                item = self.store.get(name_of(object_path))  # Use is the only method.
                total = item["UseCount"] + int(parameters.get("Times", 1))
                if total >= 1 << 32:
                    raise CIMError("InvalidParameter", f"{item['Name']} cannot be used so often")
                item["UseCount"] = total
                output = {"__CLASS": "__PARAMETERS", "ReturnValue": dbus.UInt32(0), "Total": dbus.UInt32(total)}
                return 0, 0, dbus.Array([output], signature="a{sv}")


        def main():
            dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
            loop, failures = GLib.MainLoop(), []
            session = "--session" in sys.argv[1:]

            def fail(reason):
                failures.append(reason)
                loop.quit()

            try:
                bus = dbus.SessionBus() if session else dbus.SystemBus()
                bus.set_exit_on_disconnect(False)
                owned = None if session else dbus.service.BusName(BUS_NAME, bus)  # kept: it is given back with the object
            except (ValueError, dbus.DBusException) as error:
                sys.exit(f"{NAME}: {error}")
            bus.call_on_disconnection(lambda connection: fail("the bus is gone"))
            with open(os.path.join(os.path.dirname(os.path.realpath(__file__)), f"{NAME}.mof"), encoding="utf-8") as file:
                context = dbus.Dictionary({"MOF": file.read()}, signature="sv")
            provider = Provider(bus, Store())

            def register(owner):  # at once, and whenever a broker comes or goes
                provider.broker = str(owner)
                if owner:
                    bus.call_async(
                        BROKER, "/org/cimbus1", "org.cimbus1.DecoupledRegistrar", "Register", "ia{sv}sssso",
                        (0, context, "", "", "root/cimv2", NAME, dbus.ObjectPath(PATH)),
                        lambda registration: print(f"registered {registration}", flush=True),
                        lambda error: fail(f"cannot register: {error.get_dbus_message()}") if provider.broker == owner else None)

            bus.watch_name_owner(BROKER, register)
            for number in (signal.SIGTERM, signal.SIGINT):
                GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)
            loop.run()
            del owned
            if failures:
                sys.exit(f"{NAME}: {failures[0]}")


        if __name__ == "__main__":
            main()

        """#
    }
}
