import CBaseline
import CIM
import CIMBusClient
import CIMBusProvider
import DBus
import Glibc
import Logging

let benchInterface = InterfaceName(verified: "org.cimbus1.Bench")
let benchPath = ObjectPath(verified: "/bench")

/// What the processes of a benchmark do; the first argument says which.
enum Role {
    /// The provider, and beside it the same object served directly: same process, same connection library, same object.
    static func provider(_ address: String, count: Int) async throws {
        let connection = try await Connection.connect(to: .address(address))
        let object = DBusValue.dictionary(Thing.wire)
        let description = InterfaceDescription(
            benchInterface,
            methods: [
                .init(MemberName(verified: "Empty")),
                .init(
                    MemberName(verified: "Get"), inputs: [.init("path", Signature(verified: "s"))],
                    outputs: [.init("object", Signature(verified: "a{sv}"))]),
            ])
        let exported = ExportedObject([
            ExportedInterface(
                description,
                methods: ["Empty": .immediate { $0.reply() }, "Get": .immediate { $0.reply([object]) }])
        ])
        await connection.export(exported, at: benchPath)
        let name = connection.uniqueName.text
        var options = ProviderService.Options()
        options.onRegistered = {
            print("ready \(name)"); fflush(nil)
        }
        var logger = Logger(label: "bench")
        logger.logLevel = .error
        try await ProviderService(
            name: "Bench", mof: Thing.mof, classes: ["Bench_Thing": ThingProvider(count: count)], bus: .address(address), options: options,
            logger: logger
        ).run()
    }

    /// One enumeration: objects, microseconds in all, microseconds to the first object, peak memory in MiB.
    static func enumerate(_ address: String) async throws {
        let session = try await Session.connect(to: .address(address))
        _ = try await session.getClass("Bench_Thing")
        let start = ContinuousClock.now
        var first: Duration?
        var objects = 0
        for try await batch in session.enumerateInstances(of: "Bench_Thing").batches {
            if first == nil { first = ContinuousClock.now - start }
            objects += batch.count
        }
        let total = ContinuousClock.now - start
        print("\(objects) \(microseconds(total)) \(microseconds(first ?? .zero)) \(peakMemory())")
    }

    /// Enumerates again and again; prints objects per second.
    static func load(_ address: String, rounds: Int) async throws {
        let session = try await Session.connect(to: .address(address))
        _ = try await session.getClass("Bench_Thing")
        print("ready")
        fflush(nil)
        let start = ContinuousClock.now
        var objects = 0
        for _ in 0..<rounds {
            for try await batch in session.enumerateInstances(of: "Bench_Thing").batches { objects += batch.count }
        }
        print("\(Double(objects) / (Double(microseconds(ContinuousClock.now - start)) / 1e6))")
    }

    /// Begins an enumeration, and never takes its objects: its parent stops it.
    static func stall(_ address: String) async throws {
        let session = try await Session.connect(to: .address(address))
        for try await _ in session.enumerateInstances(of: "Bench_Thing") {
            print("ready")
            fflush(nil)
            while true { sleep(1000) }
        }
    }

    /// Nothing but brokered calls, for a profiler.
    static func get(_ address: String, count: Int) async throws {
        let connection = try await Connection.connect(to: .address(address), on: EventLoop(name: "client"))
        print(Latency(try await brokered(connection, count)).text)
        await connection.close()
    }

    /// Nothing but calls of a service's `Empty` or `Get`, for a profiler.
    static func call(_ address: String, _ service: String, _ member: String, count: Int) async throws {
        let connection = try await Connection.connect(to: .address(address), on: EventLoop(name: "client"))
        print(Latency(try await calls(connection, service, member, count)).text)
        await connection.close()
    }

    /// Asks `count` times at once for what never comes, prints when the last of the errors was there, and what it says; and again with the next
    /// provider.
    static func wait(_ address: String, count: Int) async throws {
        let session = try await Session.connect(to: .address(address))
        while true {
            // Until the next provider is there.
            while (try? await session.getInstance(at: CIMObjectPath(className: "Bench_Thing", ["Handle": .string("7")]))) == nil {
                try await Task.sleep(for: .milliseconds(10))
            }
            let pending = (0..<count).map { _ in
                session.beginGetInstance(at: CIMObjectPath(className: "Bench_Thing", ["Handle": .string("hang")]))
            }
            // The broker answers behind them.
            for try await _ in session.enumerateInstances(of: "__Namespace") {}
            print("asked")
            fflush(nil)
            var last: (any Error)?
            for one in pending {
                do { _ = try await one.value } catch { last = error }
            }
            let told = nanoseconds()
            print("\(told) \(last.map { "\($0)" } ?? "")")
            fflush(nil)
        }
    }

    static func microseconds(_ duration: Duration) -> Int64 {
        duration.components.seconds * 1_000_000 + duration.components.attoseconds / 1_000_000_000_000
    }

    /// Latencies of everything that is compared, measured in turns so that noise meets all of them.
    static func latency(_ address: String, direct: String, relay: String, c: String, samples: Int, rounds: Int) async throws {
        let connection = try await Connection.connect(to: .address(address), on: EventLoop(name: "client"))
        let session = try await Session.connect(to: .address(address))
        _ = try await session.getClass("Bench_Thing")
        var times: [String: [UInt64]] = [:]
        for round in 0...rounds {
            var raw = [UInt64](repeating: 0, count: samples)
            func note(_ name: String) { if round > 0 { times[name, default: []] += raw } }
            guard baseline_ping_pong(Int32(samples), &raw) == 0 else { throw BenchError("ping-pong") }
            note("socketpair")
            guard baseline_call(address, c, "Empty", Int32(samples), &raw) == 0 else { throw BenchError("C call") }
            note("c empty")
            raw = try await calls(connection, c, "Empty", samples)
            note("swift empty")
            raw = try await calls(connection, direct, "Get", samples)
            note("direct get")
            raw = try await calls(connection, relay, "Get", samples)
            note("relayed get")
            raw = try await brokered(connection, samples)
            note("brokered get")
        }
        for name in ["socketpair", "c empty", "swift empty", "direct get", "relayed get", "brokered get"] {
            let latency = Latency(times[name] ?? [])
            print("\(name)\t\(latency.microseconds(50))\t\(latency.microseconds(99))")
        }
        await connection.close()
        await session.close()
    }

    private static func calls(_ connection: Connection, _ destination: String, _ member: String, _ samples: Int) async throws -> [UInt64] {
        let name = BusName(verified: destination)
        return try await onLoop(connection.loop) {
            var times: [UInt64] = []
            times.reserveCapacity(samples)
            for _ in 0..<samples {
                let start = nanoseconds()
                let message =
                    member == "Get"
                    ? try Message.methodCall(
                        destination: name, path: benchPath, interface: benchInterface, member: MemberName(verified: member),
                        signature: Signature(verified: "s")
                    ) { (body) throws(DBusError) in body.append(string: "Bench_Thing.Handle=\"7\"") }
                    : try Message.methodCall(
                        destination: name, path: benchPath, interface: benchInterface, member: MemberName(verified: member))
                let reply = try await connection.call(message)
                if member == "Get" { _ = try reply.values() }
                times.append(nanoseconds() - start)
            }
            return times
        }
    }

    /// The same object through the broker, with the same library and the same decoding.
    private static func brokered(_ connection: Connection, _ samples: Int) async throws -> [UInt64] {
        let name = BusName(verified: "org.cimbus1")
        let path = ObjectPath(verified: "/org/cimbus1/namespaces/root/cimv2")
        let services = InterfaceName(verified: "org.cimbus1.Services")
        return try await onLoop(connection.loop) {
            var times: [UInt64] = []
            times.reserveCapacity(samples)
            for _ in 0..<samples {
                let start = nanoseconds()
                let message = try Message.methodCall(
                    destination: name, path: path, interface: services, member: MemberName(verified: "GetObject"),
                    signature: Signature(verified: "sia{sv}")
                ) { (body) throws(DBusError) in
                    body.append(string: "Bench_Thing.Handle=\"7\"")
                    body.append(int32: 0)
                    // As the client library asks: it holds the class, and needs no property that follows from it.
                    let context = body.beginArray(elementAlignment: 8)
                    body.beginDictEntry()
                    body.append(string: "__DERIVED_SYSTEM_PROPERTIES")
                    body.beginVariant("b")
                    body.append(boolean: false)
                    body.endArray(context)
                }
                _ = try await connection.call(message).values()
                times.append(nanoseconds() - start)
            }
            return times
        }
    }

    private static func onLoop(_ loop: EventLoop, _ body: @escaping @Sendable () async throws -> [UInt64]) async throws -> [UInt64] {
        try await Task(executorPreference: loop) { try await body() }.value
    }

    static func nanoseconds() -> UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

struct BenchError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension Thing {
    /// The seventh instance, as a plain D-Bus service would send it.
    static var wire: [(String, DBusValue)] {
        [("__CLASS", .string("Bench_Thing"))]
            + instances[7].properties.map { property -> (String, DBusValue) in
                switch property.value {
                case .string(let value): (property.name, .string(value))
                case .uint32(let value): (property.name, .uint32(value))
                case .sint32(let value): (property.name, .int32(value))
                case .uint16(let value): (property.name, .uint16(value))
                case .uint64(let value): (property.name, .uint64(value))
                default: (property.name, .string(""))
                }
            }
    }
}
