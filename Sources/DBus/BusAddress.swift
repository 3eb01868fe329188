import Glibc

/// Where a message bus listens.
public enum BusAddress: Hashable, Sendable {
    /// `DBUS_SYSTEM_BUS_ADDRESS`, else the well-known socket.
    case system
    /// `DBUS_SESSION_BUS_ADDRESS`, else `$XDG_RUNTIME_DIR/bus`.
    case session
    /// In the D-Bus address format, `unix:path=/run/example`.
    case address(String)

    func resolve() throws(DBusError) -> String {
        switch self {
        case .address(let address):
            guard !address.isEmpty, !address.utf8.contains(0) else { throw DBusError(code: .address, "empty bus address") }
            return address
        case .system:
            return Self.variable("DBUS_SYSTEM_BUS_ADDRESS") ?? "unix:path=/var/run/dbus/system_bus_socket"
        case .session:
            if let address = Self.variable("DBUS_SESSION_BUS_ADDRESS") { return address }
            if let directory = Self.variable("XDG_RUNTIME_DIR") { return "unix:path=\(directory)/bus" }
            throw DBusError(code: .address, "no session bus: neither DBUS_SESSION_BUS_ADDRESS nor XDG_RUNTIME_DIR is set")
        }
    }

    private static func variable(_ name: String) -> String? {
        guard let value = getenv(name), value.pointee != 0 else { return nil }
        return String(cString: value)
    }
}
