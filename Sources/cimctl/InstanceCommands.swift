import ArgumentParser
import CIMBusClient
import CIMBusWire
import CIMGeneration

extension Command {
    /// The path a user wrote, which must be one of an instance where `isInstance`.
    static func path(_ text: String, isInstance: Bool = true) throws -> CIMObjectPath {
        let path: CIMObjectPath
        do throws(ObjectPathError) {
            path = try CIMObjectPath(parsing: text)
        } catch {
            throw CIMError(.invalidObjectPath, "'\(text)': \(error)", cause: error)
        }
        if isInstance, path.isClassPath { throw CIMError(.invalidObjectPath, "'\(text)' names a class, not one of its instances") }
        return path
    }

    /// The class a user named. Throws InvalidClass for what cannot name one.
    static func className(_ text: String) throws(CIMError) -> String {
        guard let path = try? CIMObjectPath(parsing: text) else {
            throw CIMError(.invalidClass, "'\(text)' is no name of a class: it has letters, digits and _, and starts with no digit")
        }
        guard path.isClassPath else { throw CIMError(.invalidClass, "'\(text)' names an instance, where a class is asked for") }
        return text
    }

    static func classes(inPath text: String) -> [String] { (try? CIMObjectPath(parsing: text)).map { [$0.className] } ?? [] }

    func adviceForInstances(after status: WBEMStatus) -> String? {
        status == .notFound ? "'cimctl enumerate CLASS' lists the instances there are" : nil
    }

    /// The class a command needs to know. Throws InvalidClass when there is none.
    func declaration(of name: String, _ session: Session) async throws(CIMError) -> CIMClass {
        try await existing(name, session) { (name) async throws(CIMError) in
            try await session.getClass(name, timeout: options.timeLimit)
        }
    }

    /// What of a class it takes to show its instances. Throws InvalidClass when there is none.
    func shape(of name: String, _ session: Session) async throws(CIMError) -> CIMClass {
        try await existing(name, session) { (name) async throws(CIMError) in
            try await session.classShape(of: name, timeout: options.timeLimit)
        }
    }

    private func existing(
        _ name: String, _ session: Session, _ read: (String) async throws(CIMError) -> CIMClass
    ) async throws(CIMError) -> CIMClass {
        do throws(CIMError) {
            return try await read(try Self.className(name))
        } catch  where error.status == .notFound {
            throw CIMError(.invalidClass, "class \(name) does not exist in \(session.namespace)", cause: error)
        }
    }

    /// A property, a parameter or a method that is not there, and which one may have been meant.
    static func missing(_ name: String, _ what: String, kind: String? = nil, among names: [String]) -> String {
        Suggestion.missing(name, what, kind: kind, among: names)
    }
}

/// Which instances an enumeration gives.
enum EnumerationDepth: String, EnumerableFlag {
    case deep
    case shallow

    static func help(for value: EnumerationDepth) -> ArgumentHelp? {
        value == .deep ? "Instances of the class and of its subclasses." : "Only instances of exactly this class."
    }
}

struct Enumerate: OperationCommand {
    var namedClasses: [String] { [className] }

    static let configuration = CommandConfiguration(
        abstract: "Lists the instances of a class and its subclasses.",
        discussion: """
            For example:
              cimctl enumerate Linux_UnixProcess --properties Handle,Name,State
            """
    ).asVerb

    @Argument(help: ArgumentHelp("The class.", valueName: "class")) var className: String
    @Flag(exclusivity: .exclusive) var depth: EnumerationDepth = .deep
    @OptionGroup var selection: PropertySelection
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        var operation = operation
        if depth == .shallow { operation.flags = .shallow }
        let declaration = try await shape(of: className, session)
        let names = try selection.names(in: declaration)
        selection.restrict(&operation, to: names)
        try output.beginRows(Column.all(of: declaration, only: names))
        let instances = session.enumerateInstances(of: className, options: operation)
        if options.output.hasColumns {
            for try await batch in instances.batches {
                for instance in batch { try output.show(Row(instance, declaration, in: session.namespace, only: names)) }
            }
        } else {
            try await write(instances, declaration, session, only: names, &output)
        }
        try output.endRows("--properties chooses, --output list shows all")
    }

    /// With the properties of subclasses, too.
    private func write(
        _ instances: InstanceSequence, _ declaration: CIMClass, _ session: Session, only names: [String]?, _ output: inout Output
    ) async throws {
        var classes = [CIMName(declaration.name): declaration]
        func classOfInstances(_ className: String) async throws(CIMError) -> CIMClass {
            if let known = classes[CIMName(className)] { return known }
            let declaration = try await session.classShape(of: className, timeout: options.timeLimit)
            classes[CIMName(className)] = declaration
            return declaration
        }
        if output.takesJSON { return try await showJSON(instances, session, only: { _ in names }, &output) }
        for try await batch in instances.batches {
            for instance in batch {
                let declaration = try await classOfInstances(instance.className)
                try output.show(Row(instance, declaration, in: session.namespace, only: names))
            }
            try output.flush()
        }
    }
}

struct Get: OperationCommand {
    func advice(after status: WBEMStatus) -> String? { adviceForInstances(after: status) }

    var namedClasses: [String] { Self.classes(inPath: path) }

    static let configuration = CommandConfiguration(
        abstract: "Shows one instance.",
        discussion: """
            The path is the class and all its keys, as __PATH in JSON shows it. For example:
              cimctl get 'Linux_MountedFileSystem.Name="/"'
              cimctl enumerate Linux_MountedFileSystem --keys-only --output jsonl
            """
    ).asVerb

    @Argument(help: "The path: the class and its keys.") var path: String
    @OptionGroup var selection: PropertySelection
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        let path = try Self.path(path)
        var operation = operation
        var names: [String]?
        if selection.isPartial {
            names = try selection.names(in: try await shape(of: path.className, session))
            selection.restrict(&operation, to: names)
        }
        let instance = try await session.beginGetInstance(at: path, options: operation).value
        let declaration = try await session.classShape(of: instance.className, timeout: options.timeLimit)
        try output.showOnly(Row(instance, declaration, in: session.namespace, only: names))
    }
}

struct Invoke: OperationCommand {
    static let onlyShows = false
    var namedClasses: [String] { Self.classes(inPath: path) }

    static let configuration = CommandConfiguration(
        abstract: "Runs a method of an instance, or a static one of a class.",
        discussion: """
            For example:
              cimctl invoke 'Linux_MountedFileSystem.Name="/"' GetUsage
              cimctl invoke 'Sample_Clock.Name="other"' Reset Seconds=5
            """
    ).asVerb

    @Argument(help: "The path: the class and its keys.") var path: String
    @Argument(help: "The method.") var method: String
    @Argument(
        help: ArgumentHelp(
            "In parameters; an array as a,b or [\"a\",\"b\"] or several times, an embedded object as {\"Name\":\"x\"}.",
            valueName: "name=value"))
    var parameters: [String] = []
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        let path = try Self.path(path, isInstance: false)
        let row = try await invoke(method, at: path, try Assignments(parameters), session, operation)
        guard !row.fields.isEmpty || options.output != .table else { return }
        try output.showOnly(row)
    }
}

extension OperationCommand {
    /// Runs a method; the return value and the out parameters.
    func invoke(
        _ method: String, at path: CIMObjectPath, _ assignments: Assignments, _ session: Session, _ operation: OperationOptions
    ) async throws -> Row {
        let declaration = try await declaration(of: path.className, session)
        guard let described = declaration.method(named: method) else {
            throw CIMError(
                .invalidMethod, Self.missing(method, "class \(declaration.name)", kind: "method", among: declaration.methods.map(\.name)))
        }
        let values = try await assignments.values(
            "method \(described.name)", described.parameters.filter(\.isIn).map { ($0.name, $0.type) },
            classes: { try await self.declaration(of: $0, session) })
        let given = Dictionary(values.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        let result = try await session.beginInvoke(described.name, at: path, parameters: given, options: operation).value
        var fields: [(String, CIMValue)] = []
        if described.returnType != nil { fields.append(("ReturnValue", result.returnValue ?? .null)) }
        for parameter in described.parameters where parameter.isOut { fields.append((parameter.name, result[parameter.name] ?? .null)) }
        var row = Row(fields)
        row.words = { name in
            name == "ReturnValue"
                ? described.returnType.flatMap { ValueNames($0, described.qualifiers) }
                : described.parameter(named: name).flatMap { ValueNames($0.type, $0.qualifiers) }
        }
        return row
    }
}

struct Put: OperationCommand {
    func advice(after status: WBEMStatus) -> String? {
        status == .alreadyExists ? "leave out --create to change the one that is there" : adviceForInstances(after: status)
    }

    static let onlyShows = false
    var namedClasses: [String] { Self.classes(inPath: path) }

    static let configuration = CommandConfiguration(
        abstract: "Changes an instance: reads it, sets the properties given, writes it back; or creates one, with --create.",
        discussion: """
            For example:
              cimctl put 'Linux_MountedFileSystem.Name="/"' Label=root
            """
    ).asVerb

    @Argument(help: "The path: the class and its keys.") var path: String
    @Argument(
        help: ArgumentHelp(
            "Properties; nothing after = is NULL, or empty text. An array as a,b or [\"a\",\"b\"] or several times, an embedded object as {\"Name\":\"x\"}.",
            valueName: "name=value"))
    var properties: [String]
    @Flag(help: "Create it; fails when it exists. The keys come from the path.") var create = false
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    func validate() throws {
        for name in try arguments.context().keys where CIMName.hasPrefix(name, ContextKey.getPrefix) {
            throw ValidationError("--context \(name): put reads the whole instance, since it writes back the whole")
        }
    }

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        let path = try Self.path(path, isInstance: !create)
        let assignments = try Assignments(properties)
        var operation = operation
        var instance: CIMInstance
        var declaration = try await declaration(of: path.className, session)
        let keys = try Self.keys(of: path, declaration)
        try Self.check(assignments, against: keys)
        if create {
            operation.flags = .createOnly
            instance = CIMInstance(className: declaration.name)
            for property in declaration.properties where !property.defaultValue.isNull { instance[property.name] = property.defaultValue }
            for (property, key) in keys { instance[property.name] = key.value.converted(to: property.type) }
        } else {
            instance = try await session.beginGetInstance(at: path, options: operation).value
            operation.flags = .updateOnly
            declaration = try await session.getClass(instance.className, timeout: options.timeLimit)
        }
        let described = declaration.properties.map { ($0.name, $0.type) }
        let values = try await assignments.values(
            "class \(declaration.name)", described, classes: { try await self.declaration(of: $0, session) })
        for (name, value) in values { instance[name] = value }
        let written = try await session.beginPutInstance(instance, options: operation).value
        guard options.output != .table else { return try output.write(written.path + "\n") }
        try output.showOnly(Row([("__PATH", .string(written.located(in: session.namespace).path))]))
    }

    /// What the path says of the keys; nothing where it is that of a class, or of a singleton.
    private static func keys(
        of path: CIMObjectPath, _ declaration: CIMClass
    ) throws -> [(property: CIMProperty, key: CIMObjectPath.KeyValue)] {
        let canonical: CIMObjectPath
        do throws(ObjectPathError) {
            canonical = try path.canonicalized(for: declaration)
        } catch {
            throw CIMError(.invalidObjectPath, "'\(path)': \(error)", cause: error)
        }
        guard case .keys(let keys) = canonical.keys else { return [] }
        return keys.compactMap { key in key.name.flatMap { declaration.property(named: $0) }.map { ($0, key.value) } }
    }

    /// With another key it would be another instance that is written, not the one that was read.
    private static func check(
        _ assignments: Assignments, against keys: [(property: CIMProperty, key: CIMObjectPath.KeyValue)]
    ) throws {
        for (property, key) in keys {
            guard let value = try assignments.value(named: property.name, property.type) else { continue }
            // Texts that differ in case only are one key to the broker, but perhaps not to the provider.
            guard value != key.value.converted(to: property.type) else { continue }
            let name = property.name
            throw ValidationError("\(name) is a key, and the path says \(name)=\(key.value), not \(value): another instance")
        }
    }
}

struct Delete: OperationCommand {
    func advice(after status: WBEMStatus) -> String? { adviceForInstances(after: status) }

    static let onlyShows = false
    var namedClasses: [String] { Self.classes(inPath: path) }

    static let configuration = CommandConfiguration(
        abstract: "Deletes an instance.",
        discussion: """
            For example:
              cimctl delete 'Site_Room.Name="cellar"'
            """
    ).asVerb

    @Argument(help: "The path: the class and its keys.") var path: String
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        try await session.beginDeleteInstance(at: try Self.path(path), options: operation).value
    }
}
