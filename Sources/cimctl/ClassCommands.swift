import ArgumentParser
import CIMBusClient

/// Classes as rows.
enum ClassRows {
    static let columns = [Column("Class"), Column("Superclass"), Column("Kind"), Column("Provider")]

    static func row(_ declaration: CIMClass) -> Row {
        var row = Row([
            ("Class", .string(declaration.name)), ("Superclass", declaration.superclass.map { .string($0) } ?? .null),
            ("Kind", .string(kind(declaration))), ("Provider", declaration.providerName.map { .string($0) } ?? .null),
        ])
        row.origin = .class(declaration)
        return row
    }

    /// What a program reads of a class.
    static func detailed(_ declaration: CIMClass) -> Row {
        var row = Row([
            ("__CLASS", .string(declaration.name)), ("__SUPERCLASS", declaration.superclass.map { .string($0) } ?? .null),
            ("__DERIVATION", .strings(declaration.derivation)), ("Kind", .string(kind(declaration))),
            ("Provider", declaration.providerName.map { .string($0) } ?? .null), ("Keys", .strings(declaration.keyNames)),
            ("Properties", .strings(declaration.properties.map(\.name))), ("Methods", .strings(declaration.methods.map(\.name))),
        ])
        row.origin = .class(declaration)
        return row
    }

    /// The one of both that the format is for.
    static func row(_ declaration: CIMClass, for format: OutputFormat) -> Row {
        format.hasColumns || format == .list ? row(declaration) : detailed(declaration)
    }

    static func kind(_ declaration: CIMClass) -> String {
        let words = [
            (declaration.isAbstract, "abstract"), (declaration.isAssociation, "association"), (declaration.isIndication, "indication"),
            (declaration.isSingleton, "singleton"), (declaration.isDynamic, "dynamic"),
        ].filter(\.0).map(\.1)
        return words.isEmpty ? "static" : words.joined(separator: " ")
    }
}

struct Classes: Command {
    static let configuration = CommandConfiguration(
        abstract: "Lists the classes below a class, or all.",
        discussion:
            "'cimctl class show CLASS' describes one, 'cimctl class find WORD' looks for one, 'cimctl mof show CLASS' writes its MOF.")

    @Argument(help: "The class below which to look.") var superclass: String?
    @Flag(help: "Only its children; without a class, only the topmost ones.") var shallow = false
    @OptionGroup var language: LocaleArguments
    @OptionGroup var options: CommandOptions

    var namedClasses: [String] { superclass.map { [$0] } ?? [] }

    func run(_ session: Session, _ output: inout Output) async throws {
        // Nothing is below "" but the topmost classes: it is all of them.
        if let superclass, !superclass.isEmpty { _ = try Self.className(superclass) }
        let operation = language.applied(to: options.operationOptions)
        try output.beginRows(ClassRows.columns)
        for try await batch in session.enumerateClasses(of: superclass, deep: !shallow, options: operation).batches {
            for declaration in batch { try output.show(ClassRows.row(declaration, for: options.output)) }
        }
        try output.endRows()
    }
}

struct ClassGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "class", abstract: "Finds, shows and deletes classes. ('mof compile' makes and changes them, 'classes' lists them.)",
        subcommands: [ClassFind.self, ClassShow.self, ClassTree.self, ClassDelete.self])
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

    @Argument(help: ArgumentHelp("The class.", valueName: "class")) var className: String
    @OptionGroup var options: CommandOptions

    static let onlyShows = false
    var namedClasses: [String] { [className] }

    func run(_ session: Session, _ output: inout Output) async throws {
        try await session.beginDeleteClass(try Self.className(className), options: options.operationOptions).value
    }
}

struct Namespaces: Command {
    static let configuration = CommandConfiguration(abstract: "Lists the namespaces.")

    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        let names = try await options.broker(session).namespaces()
        try output.show(names.map { Row([("Namespace", .string($0.text))]) }, [Column("Namespace")])
    }
}
