import ArgumentParser
import CIMBusClient
import CIMBusWire

struct InstanceGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "instance", abstract: "Counts instances. ('enumerate' and 'get' show them, 'put' and 'delete' change them.)",
        subcommands: [InstanceCount.self])
}

struct InstanceCount: OperationCommand {
    static let configuration = CommandConfiguration(
        commandName: "count", abstract: "Counts the instances of a class and its subclasses.",
        discussion: """
            Only their keys are read. For example:
              cimctl instance count Linux_UnixProcess
              cimctl instance count Linux_UnixProcess --where "Name LIKE 'sys%'"
            """)

    @Argument(help: ArgumentHelp("The class.", valueName: "class")) var className: String
    @Option(name: .customLong("where"), help: ArgumentHelp("Only those for which this holds, as in a query.", valueName: "condition"))
    var condition: String?
    @OptionGroup var arguments: OperationArguments
    @OptionGroup var options: CommandOptions

    var namedClasses: [String] { [className] }

    func run(_ session: Session, _ operation: OperationOptions, _ output: inout Output) async throws {
        let declaration = try await shape(of: className, session)
        let instances: InstanceSequence
        if let condition {
            let keys = declaration.keyNames.isEmpty ? "*" : declaration.keyNames.joined(separator: ", ")
            instances = session.execQuery("SELECT \(keys) FROM \(declaration.name) WHERE \(condition)", options: operation)
        } else {
            var operation = operation
            operation.context[ContextKey.getExtensions] = .boolean(true)
            operation.context[ContextKey.getKeysOnly] = .boolean(true)
            instances = session.enumerateInstances(of: declaration.name, options: operation)
        }
        var count: UInt64 = 0
        for try await batch in instances.rows { count += UInt64(batch.count) }
        if options.output == .table, options.hosts.isEmpty { return try output.write("\(count)\n") }
        try output.beginRows([Column("Class"), Column("Count", isNumber: true)], isSingle: true)
        try output.show(Row([("Class", .string(declaration.name)), ("Count", .uint64(count))]))
        try output.endRows()
    }
}
