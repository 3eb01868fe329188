extension InterfaceDescription {
    private static func argument(_ name: String, _ signature: String) -> Argument { Argument(name, Signature(verified: signature)) }

    private static func method(_ name: String, _ inputs: [Argument] = [], _ outputs: [Argument] = []) -> Method {
        Method(MemberName(verified: name), inputs: inputs, outputs: outputs)
    }

    private static func signal(_ name: String, _ arguments: [Argument]) -> Signal {
        Signal(MemberName(verified: name), arguments: arguments)
    }

    /// `org.freedesktop.DBus.Peer`.
    static let peer = InterfaceDescription(.peer, methods: [method("Ping"), method("GetMachineId", [], [argument("machine_uuid", "s")])])

    /// `org.freedesktop.DBus.Introspectable`.
    static let introspectable = InterfaceDescription(.introspectable, methods: [method("Introspect", [], [argument("xml_data", "s")])])

    /// `org.freedesktop.DBus.Properties`.
    static let properties = InterfaceDescription(
        .properties,
        methods: [
            method("Get", [argument("interface_name", "s"), argument("property_name", "s")], [argument("value", "v")]),
            method("Set", [argument("interface_name", "s"), argument("property_name", "s"), argument("value", "v")]),
            method("GetAll", [argument("interface_name", "s")], [argument("properties", "a{sv}")]),
        ],
        signals: [
            signal(
                "PropertiesChanged",
                [argument("interface_name", "s"), argument("changed_properties", "a{sv}"), argument("invalidated_properties", "as")])
        ])

    /// `org.freedesktop.DBus.ObjectManager`.
    static let objectManager = InterfaceDescription(
        .objectManager,
        methods: [method("GetManagedObjects", [], [argument("objects", "a{oa{sa{sv}}}")])],
        signals: [
            signal("InterfacesAdded", [argument("object", "o"), argument("interfaces", "a{sa{sv}}")]),
            signal("InterfacesRemoved", [argument("object", "o"), argument("interfaces", "as")]),
        ])
}
