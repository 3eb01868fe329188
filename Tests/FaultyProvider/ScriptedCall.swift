import CIM
import CIMBusWire
import DBus
import Glibc

/// One call of the broker, answered as a script says; or, in a second process, what is left of one.
struct ScriptedCall: Sendable {
    let process: ScriptedProcess
    let method: String
    let className: String
    /// The key of the object that was asked for.
    let key: String
    /// Nil in a second process.
    let call: MethodCall?
    let sink: ObjectPath
    let broker: BusName

    func run(_ script: Script) async {
        for line in script.lines {
            let outcome: String
            do {
                outcome = try await perform(line.step, on: sink)
            } catch let error as DBusError {
                outcome = "error \(error.name.text) \(error.message)"
            } catch {
                outcome = "error \(error)"
            }
            emit("step \(line.text) -> \(outcome)")
        }
        if let call, call.needsReply { reply(call, 0, 0, []) }
        emit("finished \(method) \(sink.text)")
    }

    private func perform(_ step: Script.Step, on sink: ObjectPath) async throws -> String {
        switch step {
        case .indicate(let count, let bytes, let batches, let wantsReply, let waits):
            let objects = objects(count, bytes)
            if objects.isEmpty { return "ok (nothing to indicate)" }
            for _ in 0..<batches {
                let message = try indicate(objects, on: sink, flags: wantsReply ? [] : .noReplyExpected)
                if wantsReply, waits {
                    _ = try await process.connection.call(message, timeout: nil)
                } else {
                    try await process.connection.send(message)
                }
            }
            return "ok"
        case .misfit:
            let object = CIMInstance(className: className, ["Scenario": .uint32(1), "Number": .uint32(1)])
            _ = try await process.connection.call(try indicate([object], on: sink), timeout: nil)
            return "ok"
        case .deep(let depth):
            var object = CIMInstance(className: className, ["Scenario": .string("leaf")])
            for _ in 0..<depth { object = CIMInstance(className: className, ["Scenario": .string("deep"), "Inner": .object(object)]) }
            _ = try await process.connection.call(try indicate([object], on: sink), timeout: nil)
            return "ok"
        case .setStatus(let code, let text): return try await setStatus(StatusType.complete, code, text, on: sink)
        case .progress(let current, let total):
            return try await setStatus(StatusType.progress, total << 16 | current & 0xFFFF, "", on: sink)
        case .addRef: return try await reference("AddRef", on: sink)
        case .release(let wantsReply):
            if wantsReply { return try await reference("Release", on: sink) }
            try await process.connection.send(
                .methodCall(
                    destination: broker, path: sink, interface: Contract.sinkReference, member: MemberName(verified: "Release"),
                    flags: .noReplyExpected))
            return "ok"
        case .reply(let code, let references, let count):
            guard let call else { return "error there is no call to reply to" }
            return reply(call, code, references, objects(count, 0)) ? "ok" : "error it was answered before"
        case .error(let name, let text):
            let full = name.contains(".") ? name : Contract.errorPrefix + name
            let status = WBEMStatus(errorName: name).map { $0.hex + " " } ?? ""
            return call?.fail(try ErrorName(full), status + text) == true ? "ok" : "error there is no call to answer"
        case .crash:
            emit("crashing")
            kill(getpid(), SIGKILL)
            return "error still alive"
        case .exit(let code):
            emit("exiting")
            _exit(code)
        case .stop:
            emit("stopping")
            raise(SIGSTOP)  // To this very thread: it stops here, and not a little later.
            return "ok (continued)"
        case .leave:
            await process.connection.close()
            return "ok"
        case .forkHold:
            let child = try SecondProcess.holdSockets()
            emit("held \(child)")
            kill(getpid(), SIGKILL)
            return "error still alive"
        case .transfer(let rest):
            let second = try await SecondProcess.start(process, method: method, className: className, key: key, sink: sink, script: rest)
            let message = try Message.methodCall(
                destination: broker, path: sink, interface: Contract.sinkReference, member: MemberName(verified: "Transfer"),
                values: [.string(second.uniqueName)])
            _ = try await process.connection.call(message)
            second.begin()
            return "ok \(second.uniqueName) \(second.processID)"
        case .foreign(let path, let step): return try await perform(step, on: try ObjectPath(path))
        case .never:
            process.keep(call)
            emit("silent \(sink.text)")
            await withUnsafeContinuation { (_: UnsafeContinuation<Void, Never>) in }
            return "error woken up"
        case .block(let milliseconds, let computes):
            await withCheckedContinuation { continuation in
                process.connection.loop.execute {
                    let end = ContinuousClock.now + .milliseconds(milliseconds)
                    if computes { while ContinuousClock.now < end {} } else { usleep(UInt32(milliseconds) * 1_000) }
                    continuation.resume()
                }
            }
            return "ok"
        case .waitFor(let word):
            await process.input.wait(for: word)
            return "ok"
        case .sync:
            _ = try await process.connection.nameOwner(of: BusName(process.connection.uniqueName))
            return "ok"
        case .sleep(let milliseconds):
            try await Task.sleep(for: .milliseconds(milliseconds))
            return "ok"
        case .cancelled:
            await process.input.wait(for: "cancel \(sink.text)")
            return "ok"
        case .unregister:
            try await process.unregister()
            return "ok"
        case .starve(let bytes):
            try Memory.limit(bytes)
            return "ok"
        case .allocate(let bytes):
            if let memory = Memory.allocate(bytes) {
                free(memory)
                return "ok"
            }
            let code = errno
            call?.fail(ErrorName(verified: "System.Error.ENOMEM"), String(cString: strerror(code)))
            return "error no memory"
        case .write(let bytes):
            let objects = objects(.exactly(1), bytes)
            do {
                try Memory.limit(1 << 20)
                defer { try? Memory.limit(nil) }
                _ = try indicate(objects, on: sink)
                return "ok"
            } catch let error as DBusError {
                call?.fail(error)
                throw error
            }
        case .register:
            try await process.register()
            return "ok"
        }
    }

    // MARK: Objects

    private func objects(_ count: Script.Count, _ bytes: Int) -> [CIMInstance] {
        let number =
            switch count {
            case .exactly(let number): number
            case .auto: Self.healthyCount[method] ?? 0
            }
        return (0..<max(0, number)).map { index in
            if method == "ExecMethodAsync" {
                return CIMInstance(className: "__PARAMETERS", ["Result": .string("done"), "ReturnValue": .uint32(0)])
            }
            let name = method == "GetObjectAsync" ? key : "object \(process.nextNumber())"
            return CIMInstance(
                className: className,
                [
                    "Scenario": .string(name), "Number": .uint32(UInt32(clamping: index)),
                    "Text": .string(String(repeating: "x", count: max(0, bytes))),
                ])
        }
    }

    private static let healthyCount = ["GetObjectAsync": 1, "ExecMethodAsync": 1, "CreateInstanceEnumAsync": 3]

    // MARK: Messages

    @discardableResult
    private func reply(_ call: MethodCall, _ code: UInt32, _ references: UInt32, _ objects: [CIMInstance]) -> Bool {
        call.reply(signature: Signature(verified: "uuaa{sv}")) { (writer: inout BodyWriter) throws(DBusError) in
            writer.append(uint32: code)
            writer.append(uint32: references)
            writer.append(instances: objects)
        }
    }

    private func indicate(_ objects: [CIMInstance], on sink: ObjectPath, flags: Message.Flags = []) throws(DBusError) -> Message {
        try Message.methodCall(
            destination: broker, path: sink, interface: Contract.objectSink, member: MemberName(verified: "Indicate"), flags: flags,
            signature: Signature(verified: "aa{sv}")
        ) { (writer: inout BodyWriter) throws(DBusError) in writer.append(instances: objects) }
    }

    private func setStatus(_ flags: Int32, _ value: UInt32, _ text: String, on sink: ObjectPath) async throws -> String {
        let message = try Message.methodCall(
            destination: broker, path: sink, interface: Contract.objectSink, member: MemberName(verified: "SetStatus"),
            values: [.int32(flags), .uint32(value), .string(text), .dictionary([])])
        _ = try await process.connection.call(message, timeout: nil)
        return "ok"
    }

    private func reference(_ member: String, on sink: ObjectPath) async throws -> String {
        let message = try Message.methodCall(
            destination: broker, path: sink, interface: Contract.sinkReference, member: MemberName(verified: member), values: [])
        let values = try await process.connection.call(message, timeout: nil).values()
        return "ok \(values.first?.integer(UInt32.self) ?? 0)"
    }
}
