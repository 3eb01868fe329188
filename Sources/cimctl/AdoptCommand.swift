import ArgumentParser
import CIMAdoption
import CIMBusClient
import CIMMOF
import DBus
import Glibc
import SystemPackage

/// Drafts a mapping of a D-Bus service.
struct Adopt: Program {
    static let configuration = CommandConfiguration(
        abstract: "Drafts a mapping that makes a D-Bus service's objects into CIM instances.",
        discussion: """
            It walks through the service's objects by introspection, and writes a class for each interface. Keys and references are guessed, \
            and the mapping says so: look it through, and put it into /etc/cimbus/adopt.
            """)

    @Argument(help: ArgumentHelp("The service's name on the bus.", valueName: "bus-name")) var service: String
    @Option(help: ArgumentHelp("Look at the objects at this path and below.", valueName: "path")) var path = "/"
    @Option(name: [.customShort("o"), .customLong("output")], help: ArgumentHelp("Write the mapping to this file.", valueName: "file"))
    var file: String?
    @Option(help: ArgumentHelp("What the classes' names begin with.", valueName: "word")) var prefix = "Site"
    @Flag(
        name: .customLong("try"),
        help: "Register the mapping for the time of the command, and show the first objects of each class. Runs cimbus-adopter.")
    var isTried = false
    @Flag(exclusivity: .exclusive) var bus: BusChoice?
    @Option(help: "The bus at this D-Bus address, e.g. unix:path=/run/example.") var address: String?
    @Option(help: ArgumentHelp("How long each question to the service may take.", valueName: "seconds")) var timeout: Double = 10

    var busAddress: BusAddress { BusChoice.address(address, bus) }

    func validate() throws {
        guard (try? BusName(service)) != nil else { throw ValidationError("'\(service)' is no name on a bus, such as org.example.Service") }
        guard (try? ObjectPath(path)) != nil else { throw ValidationError("'\(path)' is no path of an object, such as /org/example") }
        if !(timeout > 0 && timeout <= 3600) { throw ValidationError("--timeout takes a number of seconds above 0") }
        guard let first = prefix.first, first.isLetter, prefix.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else {
            throw ValidationError("--prefix takes letters and digits")
        }
    }

    func perform(_ output: inout Output) async throws {
        let connection: Connection
        do throws(DBusError) { connection = try await Connection.connect(to: busAddress) } catch {
            throw CIMError(.transportFailure, "\(error)", cause: error)
        }
        let survey = ServiceSurvey(
            connection: connection, service: BusName(verified: service), timeout: .milliseconds(Int64((timeout * 1000).rounded(.up))))
        let objects = try await survey.objects(below: ObjectPath(verified: path))
        await connection.close()
        let text = AdoptionDraft(BusName(verified: service), objects, prefix: prefix).text
        guard !text.isEmpty else {
            throw CIMError(
                .notFound, "\(service) describes no interface of its own at \(path) or below: \(objects.count) objects were looked at",
                cause: Advice(text: "--path says where its objects are: 'busctl tree \(service)' lists them"))
        }
        // What is written here compiles.
        let unit = try MOFParser.parse(text, file: file ?? "<draft>")
        if let fault = unit.adoptionFaults().first { throw CIMError(.failed, "the draft has a fault: \(fault)") }
        if let file {
            try write(text, to: file)
            try output.write("\(file): \(unit.classes.count) classes from \(objects.count) objects\n")
        } else {
            try output.write(text)
        }
        try output.flush()
        if isTried { try await tryOut(text, unit, &output) }
    }

    private func write(_ text: String, to file: String) throws {
        do {
            let descriptor = try FileDescriptor.open(
                FilePath(file), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try descriptor.closeAfter { _ = try descriptor.writeAll(text.utf8) }
        } catch {
            throw CIMError(.failed, "\(file) cannot be written: \(error)")
        }
    }

    /// The broker serves the mapping for the time of this command, and its first objects are shown. Where the broker does not let this user register
    /// a provider, the adopter reads the mapping without it.
    private func tryOut(_ text: String, _ unit: MOFUnit, _ output: inout Output) async throws {
        var template = Array("/tmp/cimctl-adopt-XXXXXX.mof".utf8CString)
        let descriptor = mkstemps(&template, 4)
        guard descriptor >= 0 else { throw CIMError(.failed, "no temporary file can be made: errno \(errno)") }
        let path = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        defer { unlink(path) }
        _ = try FileDescriptor(rawValue: descriptor).closeAfter { try FileDescriptor(rawValue: descriptor).writeAll(text.utf8) }
        let bus = address.map { ["--address", $0] } ?? [bus == .session ? "--session" : "--system"]
        do {
            let trial = try await AdoptionTrial.start(Self.adopter, path, on: busAddress, bus)
            let found = await show(unit, trial, &output)
            await trial.end()
            try found.get()
        } catch let refusal as AdoptionTrial.Refusal {
            try output.write(
                "// Not registered with a broker: \(FailureReport.printable(refusal.reason)). What the service says without one:\n\n")
            try output.flush()
            let program = Self.adopter
            let status = Self.run([program, "--show", path] + bus)
            guard status == 0 else { throw CIMError(.failed, "\(program) --show ended with status \(status)") }
        }
    }

    private func show(_ unit: MOFUnit, _ trial: AdoptionTrial, _ output: inout Output) async -> Result<Void, any Error> {
        do {
            try output.write("// Registered in \(trial.namespace) until this command ends. The first objects of each class:\n\n")
            let limit = Duration.milliseconds(Int64((timeout * 1000).rounded(.up)))
            for declared in unit.classes where declared.isServed && !declared.isAbstract {
                try output.write(await trial.sample(of: declared.name, limit: limit))
                try output.flush()
            }
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    /// Beside this program, else on the PATH.
    private static var adopter: String {
        let own = OwnProgram.path
        guard let slash = own.lastIndex(of: "/") else { return "cimbus-adopter" }
        let beside = String(own[...slash]) + "cimbus-adopter"
        return access(beside, X_OK) == 0 ? beside : "cimbus-adopter"
    }

    private static func run(_ command: [String]) -> Int32 {
        var arguments: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var process = pid_t()
        guard posix_spawnp(&process, command[0], nil, nil, &arguments, environ) == 0 else { return 127 }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        return status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
    }
}

/// Looks at the objects of a service.
struct ServiceSurvey {
    /// More objects are not looked at: a few of each kind are enough.
    static let mostObjects = 2000
    /// Of so many objects of an interface values are read.
    static let mostSamples = 3

    let connection: Connection
    let service: BusName
    let timeout: Duration

    func objects(below path: ObjectPath) async throws -> [AdoptionDraft.Object] {
        var objects: [AdoptionDraft.Object] = []
        var waiting = [path]
        var sampled: [InterfaceName: Int] = [:]
        while let path = waiting.popLast(), objects.count < Self.mostObjects {
            guard let description = try await describe(path, isFirst: objects.isEmpty) else { continue }
            var object = AdoptionDraft.Object(path: path, description: description)
            for interface in description.interfaces {
                guard interface.properties.contains(where: { ["o", "ao"].contains($0.signature.text) }),
                    sampled[interface.name, default: 0] < Self.mostSamples
                else { continue }
                sampled[interface.name, default: 0] += 1
                let found = await values(interface.name, at: path)
                for (name, value) in found { object.samples[PropertyPlace(interface.name, name)] = value }
            }
            objects.append(object)
            for child in description.children.reversed() {
                let text = child.hasPrefix("/") ? child : (path.text == "/" ? "/" : path.text + "/") + child
                if let below = try? ObjectPath(text), below != path, below.isEqual(toOrBelow: path) { waiting.append(below) }
            }
        }
        return objects
    }

    private func describe(_ path: ObjectPath, isFirst: Bool) async throws -> ObjectDescription? {
        let message = try Message.methodCall(
            destination: service, path: path, interface: .introspectable, member: MemberName(verified: "Introspect"))
        do throws(DBusError) {
            let reply = try await connection.call(message, timeout: timeout)
            guard let xml = try? reply.values().first?.text else { return nil }
            return try? ObjectDescription(xml: xml)
        } catch {
            if !isFirst, case .errorReply = error.code { return nil }
            throw CIMError(
                error.code == .timedOut ? .timedOut : .notFound, "\(service) cannot be looked at: \(error.name.text): \(error.message)",
                cause: error)
        }
    }

    private func values(_ interface: InterfaceName, at path: ObjectPath) async -> [String: DBusValue] {
        let message = try? Message.methodCall(
            destination: service, path: path, interface: .properties, member: MemberName(verified: "GetAll"),
            values: [.string(interface.text)])
        guard let message, let reply = try? await connection.call(message, timeout: timeout), reply.hasSignature("a{sv}"),
            reply.bodySize < 1 << 20
        else { return [:] }
        return (try? reply.values().first?.stringDictionary) ?? [:]
    }
}
