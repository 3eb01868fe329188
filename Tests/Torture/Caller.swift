import CIM
import CIMBusWire
import DBus
import Synchronization
import WireTestKit

/// A client's connection to one broker. It is over when that broker is, or the connection: then every operation that is open has ended.
final class Caller: Sendable {
    private struct State {
        var watches: [String: Watch] = [:]
        /// Sinks of operations that ended, the oldest first. They are kept: nothing may come for them.
        var former: [String] = []
        var isOver = false
    }

    let connection: Connection
    private let over = Event<Void>("the end of the broker")
    private let complain: @Sendable (String) -> Void
    private let state = Mutex(State())
    private static let number = Atomic<UInt64>(0)
    private static let broker = BusName(Contract.busName)
    private static let namespace = ObjectPath(verified: "/org/cimbus1/namespaces/root/cimv2")

    static func connect(to address: String, isPrivate: Bool, complain: @escaping @Sendable (String) -> Void) async throws -> Caller? {
        let caller = Caller(try await Connection.connect(to: .address(address), on: EventLoop(name: "caller")), complain)
        let connection = caller.connection
        Task { [weak caller] in
            _ = await connection.closed
            caller?.end()
        }
        await connection.setInbound { [weak caller] message in caller?.receive(message) ?? false }
        let owner = Mutex<String?>(nil)
        _ = try await connection.onNameVanished { [weak caller] name, _ in
            if name == Contract.busName.text || name == owner.withLock({ $0 }) { caller?.end() }
        }
        guard let name = try await connection.nameOwner(of: broker) else { return await caller.close() }
        owner.withLock { $0 = name.text }
        if isPrivate, try await connection.openPrivateConnection(ended: { [weak caller] _ in caller?.end() }) == nil {
            return await caller.close()
        }
        return caller
    }

    private init(_ connection: Connection, _ complain: @escaping @Sendable (String) -> Void) {
        self.connection = connection
        self.complain = complain
    }

    private func close() async -> Caller? {
        await connection.close()
        return nil
    }

    var isOver: Bool { state.withLock { $0.isOver } }

    /// The broker is gone: what is open has ended.
    private func end() {
        let open = state.withLock { state in
            state.isOver = true
            return Array(state.watches.values)
        }
        for watch in open { _ = watch.ended(.lost) }
        over.send(())
        let connection = connection
        Task { await connection.close() }
    }

    // MARK: - Sinks

    private func receive(_ message: Message) -> Bool {
        guard message.interface == Contract.objectSink.text, let path = message.path else { return false }
        guard let watch = state.withLock({ $0.watches[path] }) else {
            complain("\(message.member ?? "?") for \(path), which is no sink")
            return true
        }
        guard let values = try? message.values() else {
            complain("\(watch.request.description): a \(message.member ?? "?") that cannot be read")
            return true
        }
        if message.member == "Indicate", values.count == 1 {
            note(watch, watch.took((values[0].elements ?? []).compactMap(\.stringDictionary)))
            acknowledge(path, watch)
        } else if message.member == "SetStatus", values.count == 4, values[0].integer() == 0 as Int32? {
            note(watch, watch.ended(.status(WBEMStatus(rawValue: values[1].integer() ?? .max))))
            forget(path)
        }
        return true
    }

    private func note(_ watch: Watch, _ complaint: String?) { if let complaint { complain("\(watch.request.description): \(complaint)") } }

    /// The sink stays known for a while, so that what comes too late is seen.
    private func forget(_ path: String) {
        state.withLock { state in
            state.former.append(path)
            if state.former.count > 4_000 { for path in state.former.prefix(2_000) { state.watches[path] = nil } }
            if state.former.count > 4_000 { state.former.removeFirst(2_000) }
        }
    }

    /// Some clients are slow, and some never give credit back.
    private func acknowledge(_ path: String, _ watch: Watch) {
        if watch.request.number % 29 == 0 { return }
        let connection = connection
        let isSlow = watch.request.number % 7 == 0
        Task {
            if isSlow { try await Task.sleep(for: .milliseconds(20)) }
            try await connection.send(
                .methodCall(
                    destination: Self.broker, path: Self.namespace, interface: Contract.services,
                    member: MemberName(verified: "Acknowledge"),
                    flags: .noReplyExpected, values: [.objectPath(ObjectPath(verified: path)), .uint32(1)]))
        }
    }

    // MARK: - Operations

    private func call(
        _ member: String, _ values: [DBusValue], at path: ObjectPath = namespace, _ interface: InterfaceName = Contract.services
    ) async throws(DBusError) -> [DBusValue] {
        let message: Message = try .methodCall(
            destination: Self.broker, path: path, interface: interface, member: MemberName(verified: member), values: values)
        let reply = try await connection.call(message, timeout: .seconds(300))
        return (try? reply.values()) ?? []
    }

    /// Runs an operation to its end, which it gives; nil: it was refused.
    /// - Parameter cancelsAfter: asks the broker to cancel it after this time.
    func run(_ request: WatchedRequest, cancelsAfter: Duration?) async -> WatchedEnd? {
        let watch = Watch(request)
        let context: [(String, DBusValue)] = request.script.map { [("FaultyScript", .string($0))] } ?? []
        var values: [DBusValue]
        var member: String
        switch request.kind {
        case .enumerate: (member, values) = ("CreateInstanceEnum", [.string(request.className)])
        case .get(let key): (member, values) = ("GetObject", [.string("\(request.className).\(request.keyName)=\"\(key)\"")])
        case .invoke:
            (member, values) = ("ExecMethod", [.string(request.className), .string(request.script == nil ? "Echo" : "ActOnClass")])
        }
        values += [.int32(0), .dictionary(context)]
        if case .invoke(let word) = request.kind { values.append(.dictionary([("Word", .string(word))])) }
        switch request.form {
        case .sync: await synchronous(watch, member, values)
        case .semisync: await semisynchronous(watch, member + "Semisync", values, cancelsAfter)
        case .async: return await asynchronous(watch, member + "Async", values, cancelsAfter)
        }
        guard watch.isOver else { return nil }
        return try? await watch.end.value()
    }

    /// Ends the watch for an error of a call: it is the broker's answer, or says that the broker is gone.
    private func failed(_ watch: Watch, _ error: DBusError) {
        guard case .errorReply(let name) = error.code, name.text.hasPrefix(Contract.errorPrefix) else {
            if !isLoss(error) { complain("\(watch.request.description): \(error)") }
            return note(watch, watch.ended(.lost))
        }
        note(watch, watch.ended(.status(CIMError(error).status)))
    }

    /// Whether the error says that the broker, or the bus, has left, or that it has lost the bus.
    private func isLoss(_ error: DBusError) -> Bool {
        if isOver || error.code == .disconnected { return true }
        guard case .errorReply(let name) = error.code else { return false }
        return ["NoReply", "NameHasNoOwner", "ServiceUnknown", "Disconnected"].contains { name.text.hasSuffix("." + $0) }
    }

    private func synchronous(_ watch: Watch, _ member: String, _ values: [DBusValue]) async {
        do throws(DBusError) {
            let answer = try await call(member, values)
            let isEnumeration = if case .enumerate = watch.request.kind { true } else { false }
            let objects =
                isEnumeration ? (answer.first?.elements ?? []).compactMap(\.stringDictionary) : [answer.first?.stringDictionary ?? [:]]
            note(watch, watch.took(objects))
            note(watch, watch.ended(.status(.noError)))
        } catch {
            failed(watch, error)
        }
    }

    private func semisynchronous(_ watch: Watch, _ member: String, _ values: [DBusValue], _ cancelsAfter: Duration?) async {
        do throws(DBusError) {
            guard case .objectPath(let path)? = try await call(member, values).first else {
                return complain("\(watch.request.description): accepted without an object")
            }
            if let cancelsAfter {
                Task {
                    try await Task.sleep(for: cancelsAfter)
                    _ = try await call("Cancel", [], at: path, Contract.operation)
                }
            }
            guard case .enumerate = watch.request.kind else { return try await result(watch, at: path) }
            while true {
                let answer = try await call(
                    "Next", [.int32(2_000), .uint32(UInt32(watch.request.number % 90 + 1))], at: path, Contract.enumerator)
                let status = WBEMStatus(rawValue: answer.first?.integer() ?? .max)
                note(watch, watch.took((answer.last?.elements ?? []).compactMap(\.stringDictionary)))
                if status == .noError || status == .sTimedOut { continue }
                note(watch, watch.ended(.status(status == .sFalse ? .noError : status)))
                _ = try await call("Close", [], at: path, Contract.enumerator)
                return
            }
        } catch {
            if !watch.isOver { failed(watch, error) }
        }
    }

    private func result(_ watch: Watch, at path: ObjectPath) async throws(DBusError) {
        var answer: [DBusValue] = []
        repeat {
            answer = try await call("GetCallStatus", [.int32(2_000)], at: path, Contract.callResult)
        } while answer.first?.integer() == WBEMStatus.sTimedOut.rawValue as UInt32?
        let status = WBEMStatus(rawValue: answer.count > 1 ? answer[1].integer() ?? .max : .max)
        if status.isSuccess {
            let object = try await call("GetResultObject", [.int32(0)], at: path, Contract.callResult)
            if object.count > 1, let object = object[1].stringDictionary { note(watch, watch.took([object])) }
        }
        note(watch, watch.ended(.status(status)))
        _ = try await call("Close", [], at: path, Contract.callResult)
    }

    private func asynchronous(_ watch: Watch, _ member: String, _ values: [DBusValue], _ cancelsAfter: Duration?) async -> WatchedEnd? {
        let sink = ObjectPath(verified: "/sinks/\(Self.number.wrappingAdd(1, ordering: .relaxed).newValue)")
        let isOver = state.withLock { state in
            state.watches[sink.text] = watch
            return state.isOver
        }
        if isOver { return .lost }
        do throws(DBusError) {
            _ = try await call(member, values + [.objectPath(sink)])
        } catch {
            guard case .errorReply(let name) = error.code, name.text.hasPrefix(Contract.errorPrefix) else {
                failed(watch, error)
                return .lost
            }
            // Refused: nothing comes for it.
            _ = watch.ended(.status(CIMError(error).status))
            forget(sink.text)
            return nil
        }
        if let cancelsAfter {
            Task {
                try await Task.sleep(for: cancelsAfter)
                _ = try await call("CancelAsyncCall", [.objectPath(sink)])
            }
        }
        return try? await watch.end.value(within: .seconds(600))
    }
}
