// A provider that misbehaves by script, to test that every accepted call ends.
//
//   FaultyProvider [--system | --session | --address ADDRESS] [--name NAME] [--class CLASS] [--ping SECONDS] [--silence SECONDS]
//                  [--starter --bus-name NAME [--no-register]] [--private]
//                  [--script SCRIPT] [--METHOD SCRIPT]…       METHOD: GetObjectAsync, CreateInstanceEnumAsync, …
//
// What a call does is told, in this order, by `FaultyScript` (s) in the client's context, by the key `Scenario` of its object, by
// --METHOD, and by --script. Each may be a name out of `Scenarios` or a script; `Script.Step` is the language. What happens is printed, a line
// per event: registered NAME, called METHOD SINK SCRIPT, step STEP -> OUTCOME, cancelled SINK, finished METHOD SINK.

import CIMBusWire
import DBus
import Glibc

var settings = ScriptedProcess.Settings()
var sinkToContinue: String?
/// Whether it speaks with the broker by a private connection.
var isPrivate = getenv("CIMBUS_TEST_TRANSPORT").map { ["private", "mixed"].contains(String(cString: $0)) } ?? false
var first = ""
var method = ""
var key = ""
var arguments = CommandLine.arguments.dropFirst()

@MainActor func next() -> String { arguments.popFirst() ?? "" }

while let argument = arguments.popFirst() {
    switch argument {
    case "--system":
        settings.bus = .system
        settings.busArguments = [argument]
    case "--session":
        settings.bus = .session
        settings.busArguments = [argument]
    case "--address":
        let address = next()
        settings.bus = .address(address)
        settings.busArguments = [argument, address]
    case "--starter":
        // The bus that started this process. dbus-broker does not say that it did.
        let address = getenv("DBUS_STARTER_ADDRESS") ?? getenv("DBUS_SESSION_BUS_ADDRESS")
        settings.bus = .address(address.map { String(cString: $0) } ?? "")
    case "--private": isPrivate = true
    case "--bus-name": settings.busName = next()
    case "--no-register": settings.registers = false
    case "--name": settings.name = next()
    case "--class": settings.className = next()
    case "--ping": settings.pingSeconds = UInt32(next())
    case "--silence": settings.silenceSeconds = UInt32(next())
    case "--script": settings.script = next()
    case "--continue": sinkToContinue = next()
    case "--first": first = next()
    case "--method": method = next()
    case "--key": key = next()
    default:
        let name = String(argument.dropFirst(2))
        guard argument.hasPrefix("--"), Interfaces.provider.methods.contains(where: { $0.name.text == name }) else {
            print("unknown argument \(argument)")
            exit(64)
        }
        settings.scripts[name] = next()
    }
}

signal(SIGPIPE, SIG_IGN)
do {
    let connection = try await Connection.connect(to: settings.bus)
    let process = ScriptedProcess(settings, connection)
    process.input.start()
    if let sinkToContinue {
        // For `waitfor death`: the broker hears of it from the bus before anything that is sent after it.
        _ = try await connection.onNameVanished { [first] name, _ in if name == first { process.input.arrived("death") } }
        // It may have died already. Without a bus there is nothing to go on with.
        if try await connection.nameOwner(of: BusName(first)) == nil { process.input.arrived("death") }
        Task {
            _ = await connection.closed
            exit(0)
        }
        _ = "\(connection.uniqueName)\n".withCString { write(3, $0, strlen($0)) }
        close(3)
        await process.input.wait(for: "go")
        emit("continued \(sinkToContinue) by \(getpid())")
        let call = ScriptedCall(
            process: process, method: method, className: settings.className, key: key, call: nil, sink: try ObjectPath(sinkToContinue),
            broker: BusName(Contract.busName))
        await call.run(try Script(settings.script, separators: [","]))
    } else {
        await process.export()
        if isPrivate { try await process.openPrivateConnection() }
        if let busName = settings.busName { _ = try await connection.requestName(WellKnownName(busName)) }
        if settings.busName != nil, !settings.registers { exit(0) }
        try await process.register()
        emit("registered \(settings.name) \(connection.uniqueName)")
        _ = await connection.closed
        emit("disconnected")
        if settings.busName != nil { exit(0) }
        // A provider that left the bus lives on, until it is killed.
        while true { pause() }
    }
} catch {
    emit("failed \(error)")
    exit(1)
}
