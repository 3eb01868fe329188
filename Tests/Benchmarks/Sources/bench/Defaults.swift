import CBaseline
import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import Glibc
import Logging

/// What a user's own programs do: both libraries, with nothing set.
enum Defaults {
    /// Serves until it is killed.
    static func provide(_ address: String, count: Int, rows: Bool = false) async throws {
        var options = ProviderService.Options()
        options.onRegistered = {
            print("ready")
            fflush(nil)
        }
        var logger = Logger(label: "bench")
        logger.logLevel = .error
        try await ProviderService(
            name: "Bench", mof: Thing.mof, classes: ["Bench_Thing": ThingProvider(count: count, writesRows: rows)], bus: .address(address),
            options: options,
            logger: logger
        ).run()
    }

    private static let path = CIMObjectPath(className: "Bench_Thing", ["Handle": .string("7")])

    /// The same object, from C with libdbus and from Swift through the broker, in turns; a method; and the first object of an enumeration. Prints names
    /// and the median of microseconds.
    static func compare(_ address: String, c: String, samples: Int, rounds: Int) async throws {
        let session = try await Session.connect(to: .address(address))
        _ = try await session.getClass("Bench_Thing")
        var times: [String: [UInt64]] = [:]
        for round in 0...rounds {
            var raw = [UInt64](repeating: 0, count: samples)
            func note(_ name: String) { if round > 0 { times[name, default: []] += raw } }
            guard baseline_call(address, c, "Get", Int32(samples), &raw) == 0 else { throw BenchError("C get") }
            note("c get")
            for sample in 0..<samples {
                let start = Role.nanoseconds()
                let instance = try await session.getInstance(at: path)
                guard instance.properties.count >= 10 else { throw BenchError("an instance of \(instance.properties.count) properties") }
                raw[sample] = Role.nanoseconds() - start
            }
            note("get")
            for sample in 0..<samples {
                let start = Role.nanoseconds()
                _ = try await session.invoke("Signal", at: path, parameters: ["Number": .sint32(9)])
                raw[sample] = Role.nanoseconds() - start
            }
            note("method")
            var firsts: [UInt64] = []
            for _ in 0..<max(1, samples / 20) {
                let start = Role.nanoseconds()
                var first: UInt64?
                for try await batch in session.enumerateInstances(of: "Bench_Thing").rows where batch.count > 0 {
                    first = first ?? Role.nanoseconds() - start
                }
                guard let first else { throw BenchError("an enumeration without objects") }
                firsts.append(first)
            }
            if round > 0 { times["first", default: []] += firsts }
        }
        for name in ["c get", "get", "method", "first"] { print("\(name)\t\(Latency(times[name] ?? []).microseconds(50))") }
        await session.close()
    }

    /// Of the objects whose numbers are spread over ``Thing/instances`` this one keeps 1.03 %, whoever filters.
    static let onePercent = "SELECT * FROM Bench_Thing WHERE WorkingSetSize < \(21 << 12)"

    /// As ``Role/enumerate(_:)``, every value of every row read as a Swift value.
    /// - Parameter query: of the class; nil: its enumeration.
    static func rows(_ address: String, query: String?) async throws {
        let session = try await Session.connect(to: .address(address))
        let start = ContinuousClock.now
        var first: Duration?
        var objects = 0
        var sum: UInt64 = 0
        let instances = query.map { session.execQuery($0) } ?? session.enumerateInstances(of: "Bench_Thing")
        for try await batch in instances.rows {
            if first == nil { first = ContinuousClock.now - start }
            let names = [
                "Handle", "Name", "CommandLine", "UserName", "ParentProcessID", "Priority", "State", "VirtualSize", "WorkingSetSize",
                "ThreadCount",
            ]
            let columns = names.compactMap { batch.column($0) }
            guard columns.count == names.count else { throw BenchError("\(columns.count) columns") }
            for row in batch {
                for text in columns[..<4] { sum &+= UInt64(row.string(text)?.utf8.count ?? 0) }
                for number in columns[4...] { sum &+= UInt64(bitPattern: row.integer(number, as: Int64.self) ?? 0) }
            }
            objects += batch.count
        }
        let total = ContinuousClock.now - start
        guard sum > 0 else { throw BenchError("no values") }
        print("\(objects) \(Role.microseconds(total)) \(Role.microseconds(first ?? .zero)) \(peakMemory())")
    }

    /// Nothing but gets, or calls of a method, for a profiler.
    static func gets(_ address: String, count: Int, ofMethod: Bool = false) async throws {
        let session = try await Session.connect(to: .address(address))
        _ = try await session.getClass("Bench_Thing")
        var raw = [UInt64](repeating: 0, count: count)
        for sample in 0..<count {
            let start = Role.nanoseconds()
            if ofMethod {
                _ = try await session.invoke("Signal", at: path, parameters: ["Number": .sint32(9)])
            } else {
                _ = try await session.getInstance(at: path)
            }
            raw[sample] = Role.nanoseconds() - start
        }
        print(Latency(raw).text)
        await session.close()
    }

    /// So many gets at once, ten times each; prints how many, the gets per second, and how many failed.
    static func atOnce(_ address: String) async throws {
        let session = try await Session.connect(to: .address(address))
        _ = try await session.getClass("Bench_Thing")
        for count in [1, 8, 64, 256, 1_024] {
            let start = Role.nanoseconds()
            var failed = 0
            var reason = ""
            for _ in 0..<10 {
                await withTaskGroup(of: String?.self) { group in
                    for _ in 0..<count {
                        group.addTask {
                            do {
                                _ = try await session.getInstance(at: path)
                                return nil
                            } catch {
                                return "\(error)"
                            }
                        }
                    }
                    for await failure in group {
                        guard let failure else { continue }
                        failed += 1
                        reason = failure
                    }
                }
            }
            let rate = Double(count * 10) / (Double(Role.nanoseconds() - start) / 1e9)
            print("\(count)\t\(Int(rate))\t\(failed)\t\(reason)")
        }
        await session.close()
    }
}
