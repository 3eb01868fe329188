import CIM
import CIMBusProvider

/// A provider built on another: the users whose processes run, counted from the instances of `Linux_UnixProcess`, whoever serves them.
///
/// Each process is counted as it arrives; only the owners are kept. When the other provider fails, or is not there, its error is passed on.
public struct ProcessOwners: FrameworkProvider {
    public static let registration = "ProcessOwners"
    public static let className = "Linux_ProcessOwner"

    public static let mof = """
        [dynamic, provider("ProcessOwners"), Description("A user who runs processes, as counted from Linux_UnixProcess.")]
        class Linux_ProcessOwner
        {
            [key, read] uint64 UserID;
            [read, Description("NULL if it has none.")] string UserName;
            [read] uint32 ProcessCount;
            [read, Units("Bytes"), Description("Memory that the processes have in RAM.")] uint64 WorkingSetSize;
        };
        """

    public init() {}

    public func enumerateInstances(of className: String, flags: OperationFlags, context: MethodContext) async throws {
        let owners = try await count(context)
        for userID in owners.keys.sorted() {
            guard let owner = owners[userID] else { continue }
            var instance = context.createNewInstance(of: className)
            owner.fill(&instance.value)
            try await instance.commit()
        }
    }

    public func getObject(
        _ instance: inout FrameworkInstance, requested: MethodContext.RequestedProperties, flags: OperationFlags
    ) async throws {
        let userID = instance["UserID"]?.uint64Value ?? .max
        guard let owner = try await count(instance.methodContext)[userID] else {
            throw CIMError(.notFound, "user \(userID) runs no process")
        }
        owner.fill(&instance.value)
    }

    private func count(_ context: MethodContext) async throws -> [UInt64: ProcessOwner] {
        var owners: [UInt64: ProcessOwner] = [:]
        try await context.glue.getAllInstancesAsynch(of: "Linux_UnixProcess", requester: self, userData: ()) { _, process, _, _ in
            guard let userID = process["RealUserID"]?.uint64Value else { return }
            owners[userID, default: ProcessOwner(userID)].add(process.value)
        }
        return owners
    }
}

/// What is counted for one user.
struct ProcessOwner {
    private let userID: UInt64
    private var name: CIMValue = .null
    private var processes: UInt32 = 0
    private var memory: UInt64 = 0

    init(_ userID: UInt64) { self.userID = userID }

    mutating func add(_ process: CIMInstance) {
        processes &+= 1
        memory &+= process["WorkingSetSize"]?.uint64Value ?? 0
        if let name = process["UserName"] { self.name = name }
    }

    func fill(_ instance: inout CIMInstance) {
        instance["UserID"] = .uint64(userID)
        instance["UserName"] = name
        instance["ProcessCount"] = .uint32(processes)
        instance["WorkingSetSize"] = .uint64(memory)
    }
}
