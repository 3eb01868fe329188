import CIM
import CIMBusProvider

/// Serves `Linux_UnixProcess`. It decides by the client's user, not by its own: a root provider does for a client what the kernel would
/// let that client do.
public struct UnixProcessProvider: InstanceProvider, MethodProvider {
    private let table: ProcessTable
    private let instances: ProcessInstance
    private let pace: Duration

    /// - Parameter pace: how long to wait after each object of an enumeration, so that a person can watch one at work.
    public init(_ table: ProcessTable = ProcessTable(), pace: Duration = .zero) {
        self.table = table
        self.pace = pace
        instances = ProcessInstance(table)
    }

    public func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
        var users = UserNames()
        try await sink.indicate(rowsOf: ProcessInstance.shape) { rows in
            for id in table.identifiers {
                // Processes come and go meanwhile: one that is gone is left out.
                guard let process = table.process(id) else { continue }
                for value in instances.values(of: process, &users) { rows.append(value) }
                try await rows.endRow()
                guard pace > .zero else { continue }
                try await rows.flush()
                try await Task.sleep(for: pace)
            }
        }
    }

    public func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
        instances.instance(try process(at: path))
    }

    public var supportsPartialPut: Bool { true }

    public func putInstance(_ instance: CIMInstance, context: RequestContext) async throws -> CIMObjectPath? {
        guard let process = try? process(with: { instance[$0].flatMap { .init($0) } }) else {
            throw context.putMode == .updateOnly
                ? CIMError(.notFound, "there is no such process")
                : CIMError(.providerNotCapable, "a process is not started by writing an instance")
        }
        if context.putMode == .createOnly { throw CIMError(.alreadyExists, "process \(process.id) exists") }
        try refuseUnwritable(instance, instances.instance(process), context)
        // Keys that are NULL are the provider's to choose, and there is one of each.
        let path = instances.constantKeys.contains { instance[$0.0]?.isNull ?? true } ? instances.path(process) : nil
        guard context.writes("Priority"), let value = instance["Priority"], !value.isNull else { return path }
        guard let nice = value.int64Value, (-20...19).contains(nice) else {
            throw CIMError(.valueOutOfRange, "Priority is a nice value, from -20 to 19; \(value.briefDescription) is not")
        }
        if nice == Int64(process.nice) { return path }
        let user = try user(of: context)
        try perform(on: process.id) { () throws(ProcessTable.Refusal) in try table.setNice(process.id, Int32(nice), for: user) }
        return path
    }

    public func deleteInstance(at path: CIMObjectPath, context: RequestContext) async throws {
        try signal(process(at: path).id, 15, context)
    }

    public func invoke(
        _ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext
    ) async throws -> MethodResult {
        guard CIMName.equal(method, "SendSignal") else { throw CIMError(.methodNotImplemented, "a process has no method \(method)") }
        guard let number = parameters["signal"]?.int64Value, (0...64).contains(number) else {
            throw CIMError(.invalidMethodParameters, "signal is a number from 0 to 64")
        }
        try signal(process(at: path).id, Int32(number), context)
        return MethodResult(returnValue: .uint32(0))
    }

    // MARK: Parts

    /// Refuses what asks for a change of anything but the nice value.
    private func refuseUnwritable(_ instance: CIMInstance, _ current: CIMInstance, _ context: RequestContext) throws(CIMError) {
        for property in instance.properties where !property.value.isNull && context.writes(property.name) {
            if CIMName.equal(property.name, "Priority") || instances.isKey(property.name) { continue }
            // Who names a measurement means it.
            if context.putProperties == nil, Self.isMeasured(property.name) { continue }
            guard current[property.name] == property.value else {
                throw CIMError(.readOnly, "\(property.name) of a process cannot be written; Priority can")
            }
        }
        guard context.isStrictAboutNulls else { return }
        for property in current.properties where !instances.isKey(property.name) && context.writes(property.name) {
            guard instance[property.name]?.isNull ?? true else { continue }
            throw CIMError(.illegalNull, "\(property.name) of a process cannot be made NULL")
        }
    }

    /// What changes by itself, so that an instance that was read and is written back need not fit.
    private static func isMeasured(_ name: String) -> Bool {
        ["State", "ExecutionState", "KernelModeTime", "UserModeTime", "WorkingSetSize", "VirtualSize", "ThreadCount", "PageFaults"]
            .contains { CIMName.equal($0, name) }
    }

    private func process(at path: CIMObjectPath) throws(CIMError) -> UnixProcess { try process(with: { path[key: $0] }) }

    /// By the keys of a path or of an instance.
    private func process(with key: (String) -> CIMObjectPath.KeyValue?) throws(CIMError) -> UnixProcess {
        for (name, value) in instances.constantKeys {
            if let given = key(name), given != .string(value) {
                throw CIMError(.notFound, "there is no process with \(name) = \(given)")
            }
        }
        guard case .string(let handle)? = key("Handle") else {
            throw CIMError(.invalidObjectPath, "the path of a process has a Handle, its process id")
        }
        // One spelling for each process: no sign, no leading zero.
        guard let id = Int32(handle), id > 0, "\(id)" == handle, let process = table.process(id) else {
            throw CIMError(.notFound, "there is no process \(handle)")
        }
        return process
    }

    private func user(of context: RequestContext) throws(CIMError) -> UInt32 {
        guard let user = context.clientUserID else { throw CIMError(.accessDenied, "the broker did not say who asks") }
        return user
    }

    private func signal(_ id: Int32, _ number: Int32, _ context: RequestContext) throws(CIMError) {
        let user = try user(of: context)
        try perform(on: id) { () throws(ProcessTable.Refusal) in try table.signal(id, number, for: user) }
    }

    private func perform(on id: Int32, _ body: () throws(ProcessTable.Refusal) -> Void) throws(CIMError) {
        do throws(ProcessTable.Refusal) {
            try body()
        } catch {
            switch error {
            case .vanished: throw CIMError(.notFound, "process \(id) has ended")
            case .denied: throw CIMError(.accessDenied, "process \(id) belongs to another user")
            case .privilegeNeeded: throw CIMError(.privilegeNotHeld, "only root may lower the nice value of process \(id)")
            case .foreign: throw CIMError(.notSupported, "\(table.root) shows the processes of another system")
            case .failed(let call, let number): throw CIMError(.failed, "\(call) for process \(id) failed with errno \(number)")
            }
        }
    }
}
