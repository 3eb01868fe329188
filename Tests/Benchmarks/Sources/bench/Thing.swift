import CIM
import CIMBusProvider
import DBus
import Glibc

/// A class of 10 properties, and a provider of any number of its instances.
enum Thing {
    static let mof = """
        [dynamic, provider("Bench")] class Bench_Thing {
            [key] string Handle; string Name; string CommandLine; uint32 ParentProcessID; string UserName;
            sint32 Priority; uint16 State; uint64 VirtualSize; uint64 WorkingSetSize; uint32 ThreadCount;
            [implemented] uint32 Signal([in] sint32 Number);
        };
        """

    static let shape = RowShape(
        "Bench_Thing",
        [
            .init("Handle", .string), .init("Name", .string), .init("CommandLine", .string), .init("ParentProcessID", .uint32),
            .init("UserName", .string), .init("Priority", .sint32), .init("State", .uint16), .init("VirtualSize", .uint64),
            .init("WorkingSetSize", .uint64), .init("ThreadCount", .uint32),
        ])

    private static let texts = (0..<2048).map { (handle: "\($0)", command: "/usr/bin/process --number \($0)") }

    /// The same objects as ``instances``, as rows.
    static func write(_ count: Int, to rows: inout RowSink) async throws {
        for number in 0..<count {
            let index = number & 2047
            rows.append(texts[index].handle)
            rows.append("process")
            rows.append(texts[index].command)
            rows.append(UInt32(1))
            rows.append("root")
            rows.append(Int32(0))
            rows.append(UInt16(2))
            rows.append(UInt64(1) << 30)
            rows.append(UInt64(index) << 12)
            rows.append(UInt32(4))
            try await rows.endRow()
        }
    }

    static let instances: [CIMInstance] = (0..<2048).map { index in
        CIMInstance(
            className: "Bench_Thing",
            [
                "Handle": .string("\(index)"), "Name": .string("process"), "CommandLine": .string("/usr/bin/process --number \(index)"),
                "ParentProcessID": .uint32(1), "UserName": .string("root"), "Priority": .sint32(0), "State": .uint16(2),
                "VirtualSize": .uint64(1 << 30), "WorkingSetSize": .uint64(UInt64(index) << 12), "ThreadCount": .uint32(4),
            ])
    }
}

struct ThingProvider: InstanceProvider, MethodProvider {
    let count: Int
    var writesRows = false

    func invoke(_ method: String, at path: CIMObjectPath, parameters: CIMInstance, context: RequestContext) async throws -> MethodResult {
        MethodResult(returnValue: .uint32(0))
    }

    func enumerateInstances(of className: String, context: RequestContext, into sink: ObjectSink) async throws {
        if writesRows { return try await sink.indicate(rowsOf: Thing.shape) { try await Thing.write(count, to: &$0) } }
        var left = count
        while left > 0 {
            let part = min(left, Thing.instances.count)
            try await sink.indicate(Thing.instances[..<part])
            left -= part
        }
    }

    func getInstance(at path: CIMObjectPath, context: RequestContext) async throws -> CIMInstance {
        if path[key: "Handle"] == .string("hang") {
            print("hangs")
            fflush(nil)
            try await Task.sleep(for: .seconds(1_000))
        }
        return Thing.instances[7]
    }
}

/// The most memory a process has had, in MiB.
func peakMemory(_ process: String = "self") -> Double {
    guard let file = fopen("/proc/\(process)/status", "r") else { return 0 }
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 256)
    while fgets(&line, 256, file) != nil {
        let text = String(decoding: line.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        guard text.hasPrefix("VmHWM:") else { continue }
        return text.split { $0 == " " || $0 == "\t" }.lazy.compactMap { Double($0) }.first.map { $0 / 1024 } ?? 0
    }
    return 0
}
