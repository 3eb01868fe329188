import ArgumentParser
import CIM
import CIMBusClient

struct EventsGroup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events", abstract: "Shows, adds and removes permanent subscriptions: filters that are bound to consumers.",
        subcommands: [ListEvents.self, AddEvents.self, RemoveEvents.self], defaultSubcommand: ListEvents.self)
}

struct ListEvents: Command {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Shows the permanent subscriptions, and why one is inactive (the default).")

    @OptionGroup var options: CommandOptions

    /// The subscriptions of a filter.
    static func subscriptions(of filter: String?, _ root: Session) async throws -> [CIMInstance] {
        var found: [CIMInstance] = []
        for try await subscription in root.enumerateInstances(of: "CIMBus_PermanentSubscription")
        where filter == nil || subscription["Filter"]?.stringValue == filter { found.append(subscription) }
        return found
    }

    func run(_ session: Session, _ output: inout Output) async throws {
        var rows: [[(String, CIMValue)]] = []
        for subscription in try await Self.subscriptions(of: nil, session.session(for: .root)) {
            func value(_ name: String) -> CIMValue { subscription[name] ?? .null }
            let fault = value("LastFailure").stringValue ?? ""
            let explanation = value("Explanation").stringValue ?? ""
            rows.append([
                ("Filter", value("Filter")), ("State", value("State")), ("Consumer", value("Consumer")), ("Delivered", value("Delivered")),
                ("Lost", value("Lost")), ("Failures", value("Failures")), ("Query", value("Query")),
                ("Explanation", .string(explanation.isEmpty ? fault : explanation)), ("EventNamespace", value("EventNamespace")),
                ("Status", value("Status")), ("Binding", value("Binding")),
            ])
        }
        try write(
            rows,
            [
                ("Filter", false), ("State", false), ("Delivered", true), ("Lost", true), ("Failures", true), ("Query", false),
                ("Explanation", false),
            ], &output)
    }
}

struct AddEvents: Command {
    static let configuration = CommandConfiguration(
        commandName: "add", abstract: "Stores a filter and a consumer of the same name, and their binding.",
        discussion: """
            The query is about events in --namespace. In texts and in a unit's name %Property% and %TargetInstance.Property% stand for values of the \
            event. What is there by that name is overwritten. It takes the right WriteSecurity in root. For example:
              cimctl events add ns "SELECT * FROM __NamespaceOperationEvent" --signal
              cimctl events remove ns
            """)

    @Argument(help: "The name of the filter and of the consumer.") var name: String
    @Argument(help: "An event query.") var query: String
    @Option(help: ArgumentHelp("Write this text to the journal.", valueName: "text")) var journal: String?
    @Option(help: ArgumentHelp("How important it is in the journal: 0 to 7.", valueName: "number")) var priority: UInt8 = 5
    @Option(help: ArgumentHelp("Write lines to this file in the broker's directory for logs of events.", valueName: "name")) var file:
        String?
    @Option(help: ArgumentHelp("The text of a line; by default the class of the event.", valueName: "text")) var text: String?
    @Option(help: ArgumentHelp("Start this unit of systemd.", valueName: "name")) var unit: String?
    @Flag(help: "Emit the signal org.cimbus1.EventSignal.Event at /org/cimbus1.") var signal = false
    @OptionGroup var options: CommandOptions

    func validate() throws {
        let consumers = [journal != nil, file != nil, unit != nil, signal].count { $0 }
        guard consumers == 1 else { throw ValidationError("say where the events go: one of --journal, --file, --unit, --signal") }
        guard text == nil || file != nil else { throw ValidationError("--text is the text of a line of --file") }
        guard priority <= 7 else { throw ValidationError("--priority takes a number from 0 to 7") }
    }

    func run(_ session: Session, _ output: inout Output) async throws {
        let root = session.session(for: .root)
        let filter = CIMInstance(
            className: "__EventFilter",
            ["Name": .string(name), "Query": .string(query), "EventNamespace": .string(session.namespace.text)])
        var binding = CIMInstance(className: "__FilterToConsumerBinding")
        binding["Filter"] = .reference(try await root.putInstance(filter))
        binding["Consumer"] = .reference(try await root.putInstance(consumer))
        _ = try await root.putInstance(binding)
        let shown = try await ListEvents.subscriptions(of: name, root).first
        if let shown, shown["State"]?.stringValue == "inactive" {
            try output.note("cimctl: it is stored, and inactive: \(shown["Explanation"]?.stringValue ?? "")\n")
        }
    }

    private var consumer: CIMInstance {
        var consumer: CIMInstance
        if let journal {
            consumer = CIMInstance(className: "CIMBus_JournalEventConsumer", ["Text": .string(journal), "Priority": .uint8(priority)])
        } else if let file {
            consumer = CIMInstance(className: "LogFileEventConsumer", ["Filename": .string(file)])
            if let text { consumer["Text"] = .string(text) }
        } else if let unit {
            consumer = CIMInstance(className: "CIMBus_UnitEventConsumer", ["Unit": .string(unit)])
        } else {
            consumer = CIMInstance(className: "CIMBus_SignalEventConsumer")
        }
        consumer["Name"] = .string(name)
        return consumer
    }
}

struct RemoveEvents: Command {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Deletes the bindings of a filter, the filter, and the consumers of its name.")

    @Argument(help: "The name of the filter.") var name: String
    @OptionGroup var options: CommandOptions

    func run(_ session: Session, _ output: inout Output) async throws {
        let root = session.session(for: .root)
        var paths: [CIMObjectPath] = []
        for try await binding in root.enumerateInstances(of: "__FilterToConsumerBinding") {
            guard case .reference(let filter)? = binding["Filter"], case .string(name)? = filter[key: "Name"], let path = binding.path
            else {
                continue
            }
            paths.append(path)
            if case .reference(let consumer)? = binding["Consumer"], case .string(name)? = consumer[key: "Name"] { paths.append(consumer) }
        }
        for path in paths { try await root.deleteInstance(at: path) }
        let key = CIMObjectPath.Key(name: "Name", value: .string(name))
        try await root.deleteInstance(at: CIMObjectPath(className: "__EventFilter", keys: .keys([key])))
    }
}
