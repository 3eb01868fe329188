import CIM
import CIMBusProvider

/// The child of a class hierarchy over two processes: what an Ethernet interface has beyond any other. It supplies its keys and its own
/// properties only; the inherited ones come from ``NetworkInterfaces`` (Semantics C.3). `Samples/python/ethernet-interfaces` is the same in Python.
public struct EthernetInterfaces: FrameworkProvider {
    public static let registration = "EthernetInterfaces"
    public static let className = "Linux_EthernetInterface"

    /// With its parent, so that it may register first.
    public static let mof =
        NetworkInterfaces.mof + "\n" + """
            [dynamic, provider("EthernetInterfaces"), Description("A network interface that speaks Ethernet.")]
            class Linux_EthernetInterface : Linux_NetworkInterface
            {
                [read, Units("Megabits per second"), Description("NULL while it is not known.")] uint32 LinkSpeed;
                [read] uint32 TransmitQueueLength;
            };
            """

    private let folder: SystemFolder
    private let parent: NetworkInterfaces
    /// ARPHRD_ETHER.
    static let linkType = "1"

    /// - Parameter root: `/sys/class/net`, or a folder that looks like it.
    public init(root: String = "/sys/class/net") { (folder, parent) = (SystemFolder(root), NetworkInterfaces(root: root)) }

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
        guard fill(&instance.value, name) else { throw CIMError(.notFound, "there is no Ethernet interface \(name)") }
    }

    /// The instances that events are about, by their names. Nobody joins these with what the parent's provider knows: they have its properties, too.
    @Sendable public func all() -> [String: CIMInstance] {
        var found: [String: CIMInstance] = [:]
        for name in folder.names {
            var instance = CIMInstance(className: Self.className)
            if fill(&instance, name), parent.fill(&instance, name) { found[name] = instance }
        }
        return found
    }

    /// False when there is no such interface, or it is of another kind.
    func fill(_ instance: inout CIMInstance, _ name: String) -> Bool {
        guard folder.text(name, "type") == Self.linkType else { return false }
        instance["Name"] = .string(name)
        instance["LinkSpeed"] = folder.text(name, "speed").flatMap { UInt32($0) }.map { .uint32($0) } ?? .null
        instance["TransmitQueueLength"] = folder.text(name, "tx_queue_len").flatMap { UInt32($0) }.map { .uint32($0) } ?? .null
        return true
    }
}
