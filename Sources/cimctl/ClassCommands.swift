import ArgumentParser
import CIMBusClient

/// Classes as rows.
struct ClassRows {
    static let columns: [(name: String, isNumber: Bool)] = [("Class", false), ("Superclass", false), ("Kind", false), ("Provider", false)]

    static func cells(_ declaration: CIMClass) -> [String] {
        [declaration.name, declaration.superclass ?? "", kind(declaration), FailureReport.printable(declaration.providerName ?? "")]
    }

    static func json(_ declaration: CIMClass) -> String {
        var text = ""
        JSONText.append(
            [
                ("__CLASS", .string(declaration.name)), ("__SUPERCLASS", declaration.superclass.map { .string($0) } ?? .null),
                ("__DERIVATION", .strings(declaration.derivation)), ("Kind", .string(kind(declaration))),
                ("Provider", declaration.providerName.map { .string($0) } ?? .null), ("Keys", .strings(declaration.keyNames)),
                ("Properties", .strings(declaration.properties.map(\.name))), ("Methods", .strings(declaration.methods.map(\.name))),
            ], to: &text)
        return text + "\n"
    }

    private static func kind(_ declaration: CIMClass) -> String {
        let words = [
            (declaration.isAbstract, "abstract"), (declaration.isAssociation, "association"), (declaration.isIndication, "indication"),
            (declaration.isSingleton, "singleton"), (declaration.isDynamic, "dynamic"),
        ].filter(\.0).map(\.1)
        return words.isEmpty ? "static" : words.joined(separator: " ")
    }
}

struct Classes: Command {
    static let configuration = CommandConfiguration(
        abstract: "Lists the classes below a class, or all.", discussion: "'cimctl mof show CLASS' writes the MOF of one.")

    @Argument(help: "The class below which to look.") var superclass: String?
    @Flag(help: "Only its children; without a class, only the topmost ones.") var shallow = false
    @OptionGroup var language: LocaleArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        var table = InstanceTable(ClassRows.columns, terminalWidth: Output.terminalWidth)
        // Nothing is below "" but the topmost classes: it is all of them.
        if let superclass, !superclass.isEmpty { _ = try Self.className(superclass) }
        let operation = language.applied(to: options.operationOptions)
        for try await batch in session.enumerateClasses(of: superclass, deep: !shallow, options: operation).batches {
            for declaration in batch {
                try output.write(options.output == .json ? ClassRows.json(declaration) : table.append(ClassRows.cells(declaration)))
            }
        }
        if options.output == .table { try output.write(table.finish()) }
    }
}

struct ClassGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "class", abstract: "Deletes a class. ('mof compile' makes and changes them, 'classes' lists them.)",
        subcommands: [ClassDelete.self])
}

struct ClassDelete: Command {
    func advice(after status: WBEMStatus) -> String? {
        switch status {
        case .notFound, .invalidClass: "'cimctl classes' lists those there are"
        case .accessDenied: "delete it as root or as the broker's user"
        default: nil
        }
    }

    static let configuration = CommandConfiguration(
        commandName: "delete", abstract: "Deletes a class, with all classes derived from it and all their stored instances.",
        discussion: "'cimctl classes CLASS' lists those that go with it.")

    @Argument(help: "The class.") var className: String
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        try await session.beginDeleteClass(try Self.className(className), options: options.operationOptions).value
    }
}

struct Namespaces: Command {
    static let configuration = CommandConfiguration(abstract: "Lists the namespaces.")

    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        try write(try await options.broker(session).namespaces().map { [("Namespace", .string($0.text))] }, [("Namespace", false)], &output)
    }
}
