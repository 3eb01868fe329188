/// The place where an object path is read. It says what a path without a server or without a namespace means.
public struct CIMLocation: Hashable, Sendable {
    public var namespace: CIMNamespaceName

    /// The name of this machine, as in `__SERVER`.
    public var server: String

    public init(namespace: CIMNamespaceName = .cimv2, server: String = ".") {
        self.namespace = namespace
        self.server = server
    }

    /// `\\SERVER\root\cimv2:`, which precedes a relative path in `__PATH`.
    package var pathPrefix: String { "\\\\\(server)\\\(namespace.wmiText):" }

    /// Whether a path leads to an object of this namespace.
    public func contains(_ path: CIMObjectPath) -> Bool {
        isHere(path.server) && path.namespace.map { CIMNamespaceName($0) == namespace } ?? true
    }

    /// Whether `name` is this machine: no name at all, its own with or without the domain, `.`, `localhost`, or `127.0.0.1`.
    public func isHere(_ name: String?) -> Bool { CIMLocation.isServer(name, server) }

    /// The same for a machine called `server`.
    public static func isServer(_ name: String?, _ server: String) -> Bool {
        guard let name, name != ".", name != "127.0.0.1" else { return true }
        if CIMName.equal(name, server) || CIMName.equal(name, "localhost") { return true }
        let host = server.prefix { $0 != "." }
        return !host.isEmpty && host.utf8.contains { $0 &- 0x30 >= 10 } && CIMName.equal(name, String(host))
    }
}
