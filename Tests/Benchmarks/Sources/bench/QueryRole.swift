import CIM
import DBus
import Synchronization

/// A client that counts objects and looks at none: what is measured is the way to it.
final class QueryRole: Sendable {
    private struct State {
        var objects = 0
        var end: CheckedContinuation<UInt32, Never>?
    }

    private let connection: Connection
    private let state = Mutex(State())
    private static let broker = BusName(verified: "org.cimbus1")
    private static let services = InterfaceName(verified: "org.cimbus1.Services")
    private static let sink = ObjectPath(verified: "/sink")
    private static let namespace = ObjectPath(verified: "/org/cimbus1/namespaces/root/cimv2")

    private init(_ connection: Connection) { self.connection = connection }

    /// Prints the median time of an enumeration, and of queries that keep all, half and none of its objects.
    static func run(_ address: String, count: Int, rounds: Int) async throws {
        let role = QueryRole(try await Connection.connect(to: .address(address), on: EventLoop(name: "client")))
        await role.connection.setInbound { [weak role] in role?.receive($0) ?? false }
        // 2,048 different objects, again and again: those with WorkingSetSize from 2^22 on are the second half.
        func condition(_ size: Int) -> String { "WHERE WorkingSetSize >= \(size) AND ThreadCount < 5 AND Name LIKE 'proc%'" }
        let whole = count / 2_048 * 2_048
        let half = whole / 2 + max(0, count - whole - 1_024)
        let cases: [(name: String, query: String?, objects: Int)] = [
            ("enumeration", nil, count), ("filter that keeps all", condition(0), count),
            ("filter that keeps half", condition(1 << 22), half),
            ("filter that keeps none", condition(1 << 40), 0),
        ]
        var times: [[Double]] = cases.map { _ in [] }
        for round in 0...rounds {
            for (index, one) in cases.enumerated() {
                let start = ContinuousClock.now
                let objects = try await role.operation(one.query)
                guard objects == one.objects else { throw BenchError("\(one.name) gave \(objects) objects, not \(one.objects)") }
                if round > 0 { times[index].append(Double(Role.microseconds(ContinuousClock.now - start))) }
            }
        }
        for (index, one) in cases.enumerated() { print("\(one.name)\t\(median(times[index]))") }
        await role.connection.close()
    }

    /// Prints the median time of what the provider of a class, and that of its subclass, have each, and of both put together.
    static func hierarchy(_ address: String, count: Int, rounds: Int) async throws {
        let role = QueryRole(try await Connection.connect(to: .address(address), on: EventLoop(name: "client")))
        await role.connection.setInbound { [weak role] in role?.receive($0) ?? false }
        let directRead: Int32 = 0x200
        let cases = [
            ("the class alone", "Bench_Parent", directRead), ("the subclass alone", "Bench_Child", directRead),
            ("merged", "Bench_Parent", 0),
        ]
        var times: [[Double]] = cases.map { _ in [] }
        for round in 0...rounds {
            for (index, one) in cases.enumerated() {
                let start = ContinuousClock.now
                let objects = try await role.operation(nil, of: one.1, flags: one.2)
                guard objects == count else { throw BenchError("\(one.0) gave \(objects) objects, not \(count)") }
                if round > 0 { times[index].append(Double(Role.microseconds(ContinuousClock.now - start))) }
            }
        }
        for (index, one) in cases.enumerated() { print("\(one.0)\t\(median(times[index]))") }
        await role.connection.close()
    }

    private func operation(_ query: String?, of className: String = "Bench_Thing", flags: Int32 = 0) async throws -> Int {
        state.withLock { $0.objects = 0 }
        let target: [DBusValue] = query.map { [.string("WQL"), .string("SELECT * FROM \(className) \($0)")] } ?? [.string(className)]
        let context = DBusValue.dictionary([("__DERIVED_SYSTEM_PROPERTIES", .boolean(false))])
        let message = try Message.methodCall(
            destination: Self.broker, path: Self.namespace, interface: Self.services,
            member: MemberName(verified: query == nil ? "CreateInstanceEnumAsync" : "ExecQueryAsync"),
            values: target + [.int32(flags), context, .objectPath(Self.sink)])
        let status = await withCheckedContinuation { continuation in
            state.withLock { $0.end = continuation }
            connection.loop.execute { [self] in
                connection.assumeIsolated { connection in
                    connection.call(message, timeout: nil) { result in if case .failure = result { self.finish(.max) } }
                }
            }
        }
        guard status == 0 else { throw BenchError("the operation ended with \(status)") }
        return state.withLock { $0.objects }
    }

    private func finish(_ status: UInt32) {
        let end = state.withLock { state in
            let end = state.end
            state.end = nil
            return end
        }
        end?.resume(returning: status)
    }

    private func receive(_ message: Message) -> Bool {
        guard message.interface == "org.cimbus1.ObjectSink" else { return false }
        var reader = message.reader
        if message.member == "SetStatus" {
            guard (try? reader.readInt32()) == 0 else { return true }
            finish((try? reader.readUInt32()) ?? .max)
            return true
        }
        var objects = 0
        if let end = try? reader.enterArray(elementAlignment: 4) {
            while !reader.isAtEnd(of: end), (try? reader.skipArray(elementAlignment: 8)) != nil { objects += 1 }
        }
        state.withLock { $0.objects += objects }
        acknowledge()
        return true
    }

    private func acknowledge() {
        guard
            let message = try? Message.methodCall(
                destination: Self.broker, path: Self.namespace, interface: Self.services,
                member: MemberName(verified: "Acknowledge"), flags: .noReplyExpected, values: [.objectPath(Self.sink), .uint32(1)])
        else { return }
        connection.assumeIsolated { try? $0.send(message) }
    }
}
