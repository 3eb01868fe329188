import CIM
import CIMBusProvider
import DBus
import Glibc
import Logging

/// A class and its subclass, each of a provider of its own, with the same instances: five properties from the one, five from the other.
enum Family {
    private static let parent = """
        [dynamic, provider("BenchParent")] class Bench_Parent {
            [key] string Handle; string Name; string CommandLine; uint32 ParentProcessID; string UserName;
        };
        """
    private static let child = """
        [dynamic, provider("BenchChild")] class Bench_Child : Bench_Parent {
            sint32 Priority; uint16 State; uint64 VirtualSize; uint64 WorkingSetSize; uint32 ThreadCount;
        };
        """

    /// Serves one of the two until it is killed.
    static func provide(_ address: String, _ role: String, count: Int) async throws {
        let isParent = role == "parent"
        var options = ProviderService.Options()
        options.onRegistered = {
            print("ready"); fflush(nil)
        }
        var logger = Logger(label: "bench")
        logger.logLevel = .error
        try await ProviderService(
            name: isParent ? "BenchParent" : "BenchChild", mof: isParent ? parent : child,
            classes: [isParent ? "Bench_Parent" : "Bench_Child": Provider(isParent: isParent, count: count)], bus: .address(address),
            options: options, logger: logger
        ).run()
    }

    private struct Provider: InstanceProvider {
        let isParent: Bool
        let count: Int

        func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
            for index in 0..<count { try await sink.indicate(instance(index)) }
        }

        func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance { instance(7) }

        private func instance(_ index: Int) -> CIMInstance {
            isParent
                ? CIMInstance(
                    className: "Bench_Parent",
                    [
                        "Handle": .string("\(index)"), "Name": .string("process"),
                        "CommandLine": .string("/usr/bin/process --number \(index)"),
                        "ParentProcessID": .uint32(1), "UserName": .string("root"),
                    ])
                : CIMInstance(
                    className: "Bench_Child",
                    [
                        "Handle": .string("\(index)"), "Priority": .sint32(0), "State": .uint16(2), "VirtualSize": .uint64(1 << 30),
                        "WorkingSetSize": .uint64(UInt64(index) << 12), "ThreadCount": .uint32(4),
                    ])
        }
    }
}
