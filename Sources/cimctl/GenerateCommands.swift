import ArgumentParser
import CIMBusClient
import CIMGeneration
import CIMMOF
import CIMMOFFiles

struct GenerateGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "generate", abstract: "Makes types of a programming language of classes.",
        subcommands: [GenerateSwift.self, GeneratePython.self])
}

extension GenerationOptions.Access: ExpressibleByArgument {}
extension GenerationOptions.Names: ExpressibleByArgument {}

/// What the commands that generate code take.
struct GenerationArguments: ParsableArguments {
    @Argument(help: ArgumentHelp("The MOF files. Those given together use each other's classes.", valueName: "file")) var files: [String] =
        []
    @Option(
        name: [.customShort("o"), .customLong("output")],
        help: ArgumentHelp("Write to this file; or, for each MOF file, to one in this folder.", valueName: "path"))
    var output: String?
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Ask a broker for these classes, and for those above them.", valueName: "class"))
    var fromBroker: [String] = []
    @OptionGroup var search: MOFSearch
    @Flag(exclusivity: .exclusive) var bus: BusChoice?
    @Option(help: "The broker on the bus at this D-Bus address, e.g. unix:path=/run/example.") var address: String?
    @Option(name: [.short, .long], help: "The namespace of the broker's classes.") var namespace = "root/cimv2"

    var busAddress: BusAddress { BusChoice.address(address, bus) }

    func validate() throws {
        if CIMNamespaceName(namespace) == nil { throw ValidationError("'\(namespace)' is not a namespace; write it like root/cimv2") }
        if files.isEmpty, fromBroker.isEmpty { throw ValidationError("give a MOF file, or --from-broker and a class") }
    }

    /// Reads everything. What is wrong with a file is on standard error then, each error with its place.
    func read() async throws -> (files: [ClassSet.File], set: ClassSet) {
        let reader = MOFFiles(folders: search.folders)
        var complaints = MOFComplaints()
        var read: [ClassSet.File] = []
        for path in files where complaints.left > 0 {
            do throws(MOFErrors) {
                let source: MOFSource
                do throws(MOFError) { source = try reader.source(path) } catch {
                    complaints.add(MOFFaults(errors: [error], isTruncated: false), in: path)
                    continue
                }
                read.append(try ClassSet.File(source) { (name, from) throws(MOFError) in try reader.include(name, from: from) })
            } catch {
                complaints.add(MOFFaults(errors: error.errors, isTruncated: error.isTruncated), in: path)
            }
        }
        if complaints.count > 0 { throw complaints.error("nothing is generated") }
        let known = fromBroker.isEmpty ? [] : try await classesOfBroker()
        do throws(GenerationErrors) { return (read, try ClassSet(read, known: known)) } catch { throw Self.failure(error) }
    }

    /// With those above them, which come first.
    private func classesOfBroker() async throws -> [CIMClass] {
        let session = try await Session.connect(to: busAddress, namespace: CIMNamespaceName(namespace) ?? .cimv2)
        var classes: [CIMClass] = []
        for name in fromBroker {
            let declaration = try await session.getClass(name)
            for above in [name] + declaration.derivation where !classes.contains(where: { CIMName.equal($0.name, above) }) {
                classes.append(try await session.getClass(above))
            }
        }
        await session.close()
        return classes.sorted { $0.derivation.count < $1.derivation.count }
    }

    static func failure(_ errors: GenerationErrors) -> CIMError {
        for error in errors.errors.prefix(MOFComplaints.most) {
            StandardError.write(FailureReport.printable(error.description) + "\n")
        }
        let count = errors.errors.count
        return CIMError(.invalidClass, "\(count) error\(count == 1 ? "" : "s"); nothing is generated", cause: Advice(isAboutText: true))
    }

    /// Writes what was generated: for each MOF file, or as one.
    func write(
        _ output: inout Output, extension word: String, whole: () -> String, each: () -> [(file: String?, text: String)]
    ) throws {
        guard let path = self.output else { return try output.write(whole()) }
        guard TextFile.isFolder(path) else { return try TextFile.write(whole(), to: path) }
        for part in each() {
            let name = part.file.map { ClassSet.File.outputName(of: $0, extension: word) } ?? "Broker.\(word)"
            try TextFile.write(part.text, to: "\(path)/\(name)")
            try output.write("\(path)/\(name)\n")
        }
    }
}

struct GenerateSwift: Program {
    static let configuration = CommandConfiguration(
        commandName: "swift", abstract: "Makes types of Swift of MOF: for values, for clients and for providers.",
        discussion: """
            Each class becomes a struct with typed properties. Beside it are functions that call the methods (by CIMBusClient), and, for a \
            class with the qualifier provider, a protocol that its provider implements (by CIMBusProvider).

            cimctl generate swift site.mof --output SiteTypes.swift
            """)

    @OptionGroup var arguments: GenerationArguments
    @Flag(help: "Beside the types only what clients use.") var client = false
    @Flag(help: "Beside the types only what providers use.") var provider = false
    @Flag(help: "The types alone: all that is needed of the library is CIM.") var typesOnly = false
    @Option(help: "Who sees the types.") var access = GenerationOptions.Access.public
    @Option(help: "What the types are called: Sample_Clock, or Clock.") var names = GenerationOptions.Names.full

    var busAddress: BusAddress { arguments.busAddress }

    func validate() throws {
        if [client, provider, typesOnly].filter(\.self).count > 1 {
            throw ValidationError("give one of --client, --provider and --types-only; without them both are generated")
        }
    }

    func perform(_ output: inout Output) async throws {
        let (files, set) = try await arguments.read()
        var options = GenerationOptions()
        options.access = access
        options.names = names
        options.forClients = !provider && !typesOnly
        options.forProviders = !client && !typesOnly
        let generator: SwiftGenerator
        do throws(GenerationErrors) { generator = try SwiftGenerator(set, options) } catch { throw GenerationArguments.failure(error) }
        try arguments.write(&output, extension: "swift") {
            generator.whole(files)
        } each: {
            generator.outputs(files).map { ($0.file, $0.text) }
        }
    }
}

struct GeneratePython: Program {
    static let configuration = CommandConfiguration(
        commandName: "python", abstract: "Makes dataclasses of MOF, for any D-Bus library of Python.",
        discussion: """
            Each class becomes a dataclass that is made of an object on the bus, and makes one, with the D-Bus type of each property. The \
            module needs the standard library alone.

            cimctl generate python site.mof --output site_types.py
            """)

    @OptionGroup var arguments: GenerationArguments

    var busAddress: BusAddress { arguments.busAddress }

    func perform(_ output: inout Output) async throws {
        let (files, set) = try await arguments.read()
        let generator: PythonGenerator
        do throws(GenerationErrors) { generator = try PythonGenerator(set) } catch { throw GenerationArguments.failure(error) }
        try arguments.write(&output, extension: "py") {
            generator.whole(files)
        } each: {
            generator.outputs(files).map { ($0.file, $0.text) }
        }
    }
}
