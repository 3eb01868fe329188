import CIM
import CIMBusProvider

/// The parent of a class hierarchy over two processes: what every network interface has.
///
/// It answers for all of them, those that ``EthernetInterfaces`` knows more about included: the broker asks both, and puts one object
/// together (Semantics C.3, C.4).
public struct NetworkInterfaces: FrameworkProvider {
    public static let registration = "NetworkInterfaces"
    public static let className = "Linux_NetworkInterface"

    public static let mof = """
        [dynamic, provider("NetworkInterfaces"), Description("A network interface of this machine, as sysfs tells it.")]
        class Linux_NetworkInterface
        {
            [key, read] string Name;
            [read, Description("Address of the hardware. NULL if it has none.")] string HardwareAddress;
            [read, Units("Bytes"), Description("The largest packet.")] uint32 MTU;
            [read, Description("up, down, unknown, …")] string State;
        };
        """

    private let folder: SystemFolder

    /// - Parameter root: `/sys/class/net`, or a folder that looks like it.
    public init(root: String = "/sys/class/net") { folder = SystemFolder(root) }

    public func enumerateInstances(of className: String, flags: OperationFlags, context: MethodContext) async throws {
        for name in folder.names {
            var instance = context.createNewInstance(of: Self.className)
            guard fill(&instance.value, name) else { continue }
            try await instance.commit()
        }
    }

    public func getObject(
        _ instance: inout FrameworkInstance, requested: MethodContext.RequestedProperties, flags: OperationFlags
    ) async throws {
        let name = instance["Name"]?.stringValue ?? ""
        guard fill(&instance.value, name) else { throw CIMError(.notFound, "there is no network interface \(name)") }
    }

    /// The instances that events are about, by their names.
    /// - Parameter withEthernet: whether those that speak Ethernet are among them: where their class has no provider of its own. Else that provider
    ///   tells of them, or a subscriber would hear of each twice.
    @Sendable public func all(withEthernet: Bool) -> [String: CIMInstance] {
        var found: [String: CIMInstance] = [:]
        for name in folder.names where withEthernet || folder.text(name, "type") != EthernetInterfaces.linkType {
            var instance = CIMInstance(className: Self.className)
            if fill(&instance, name) { found[name] = instance }
        }
        return found
    }

    /// False when there is no such interface: they come and go.
    func fill(_ instance: inout CIMInstance, _ name: String) -> Bool {
        guard let mtu = folder.text(name, "mtu") else { return false }
        instance["Name"] = .string(name)
        instance["HardwareAddress"] = folder.text(name, "address").map { .string($0) } ?? .null
        instance["MTU"] = UInt32(mtu).map { .uint32($0) } ?? .null
        instance["State"] = folder.text(name, "operstate").map { .string($0) } ?? .null
        return true
    }
}
