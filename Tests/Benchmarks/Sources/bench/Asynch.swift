import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import Glibc
import Logging

/// Three classes of a provider each, of which two have nothing of their own: the outer asks for the instances of the middle with
/// getAllInstancesAsynch, the middle for those of the inner, and each hands on what it gets under its own class.
enum Asynch {
    enum Role: String, CaseIterable {
        case inner, middle, outer

        var className: String { "Bench_Asynch_\(rawValue)" }
        /// Whose instances it asks for; nil: it has them.
        var source: Role? {
            switch self {
            case .inner: nil
            case .middle: .inner
            case .outer: .middle
            }
        }
        var mof: String {
            """
            [dynamic, provider("BenchAsynch_\(rawValue)")] class \(className) {
                [key] string Handle; string Name; string CommandLine; uint32 ParentProcessID; string UserName;
                sint32 Priority; uint16 State; uint64 VirtualSize; uint64 WorkingSetSize; uint32 ThreadCount;
            };
            """
        }
    }

    /// Serves one of the three until it is killed.
    static func provide(_ address: String, _ role: String, count: Int) async throws {
        guard let role = Role(rawValue: role) else { throw BenchError("no role \(role)") }
        var options = ProviderService.Options()
        options.onRegistered = { say("ready") }
        var logger = Logger(label: "bench")
        logger.logLevel = .error
        try await ProviderService(
            name: "BenchAsynch_\(role.rawValue)", mof: role.mof, classes: [role.className: Provider(role: role, count: count)],
            bus: .address(address), options: options, logger: logger
        ).run()
    }

    /// Enumerates the outer class: objects, microseconds in all, microseconds to the first object, peak memory in MiB, and when the first object
    /// was there.
    static func enumerate(_ address: String) async throws {
        let session = try await Session.connect(to: .address(address))
        _ = try await session.getClass(Role.outer.className)
        let start = bench.Role.nanoseconds()
        var first: UInt64?
        var objects = 0
        for try await batch in session.enumerateInstances(of: Role.outer.className).batches {
            if first == nil, !batch.isEmpty { first = bench.Role.nanoseconds() }
            objects += batch.count
        }
        let total = bench.Role.nanoseconds() - start
        print("\(objects) \(total / 1_000) \(((first ?? start) - start) / 1_000) \(peakMemory()) \(first ?? 0)")
    }

    private static func say(_ line: String) {
        print(line)
        fflush(nil)
    }

    private struct Provider: FrameworkProvider {
        let role: Role
        let count: Int

        func enumerateInstances(of className: String, flags: OperationFlags, context: MethodContext) async throws {
            if let source = role.source {
                try await context.glue.getAllInstancesAsynch(of: source.className, requester: self, userData: className) {
                    (_, instance, context, className) in
                    var own = context.createNewInstance(of: className)
                    own.value.properties = instance.value.properties
                    try await own.commit()
                }
                return
            }
            for index in 0..<count {
                if index == count - 1 { say("last \(bench.Role.nanoseconds())") }
                var instance = context.createNewInstance(of: className)
                instance.value.properties = Thing.instances[index % Thing.instances.count].properties
                instance["Handle"] = .string("\(index)")
                try await instance.commit()
            }
        }
    }
}
