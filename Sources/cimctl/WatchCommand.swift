import ArgumentParser
import CIM
import CIMBusClient
import Glibc

/// Shows events as they come.
struct Watch: Command {
    static let configuration = CommandConfiguration(
        abstract: "Shows events, one line for each, until it is interrupted.",
        discussion: """
            The argument is an event query or the name of a class. Of an event class all its events are shown; of any other class what is \
            created, modified and deleted: as its provider tells it, or, where none does, by looking every 5 seconds. With --output jsonl each line is an object with "type" ("event" or "gap") and "time". After a \
            restart of the broker it subscribes again, and says that events may be missing. For example:
              cimctl watch __ClassOperationEvent --timeout 0.5
              cimctl watch "SELECT * FROM CIMBus_ProviderVanishedEvent" --timeout 0.5
            """)

    @Argument(help: "An event query, or a class.") var query: String
    @Option(help: ArgumentHelp("End after so many events.", valueName: "number")) var count: Int?
    @Option(help: ArgumentHelp("Of a class whose provider raises no events: how often to look.", valueName: "seconds"))
    var within = 5.0
    @OptionGroup var options: CommandOptions

    static let isEndless = true

    func validate() throws {
        if let count, count < 1 { throw ValidationError("--count takes a number above 0") }
        guard within >= 0.1, within <= 1e9 else { throw ValidationError("--within takes seconds, 0.1 or more") }
        // Events have no end, so a document of them would have none.
        guard [.table, .json, .jsonl].contains(options.output) else {
            throw ValidationError("events are lines of text, or of JSON: --output jsonl")
        }
    }

    func run(_ session: Session, _ output: inout Output) async throws {
        let (events, polled) = try await subscribe(session)
        if let polled {
            let seconds = within == within.rounded() ? "\(Int(within))" : "\(within)"
            try output.note(
                "cimctl: \(polled) is polled every \(seconds) s, because no provider raises all events of the class; --within SECONDS chooses\n"
            )
        }
        let clock = options.givenTimeLimit.map { limit in
            Task {
                try await Task.sleep(for: limit)
                events.cancel()
            }
        }
        defer { clock?.cancel() }
        var seen = 0
        for try await notice in events {
            try output.write(line(notice))
            if case .gap(let gap) = notice, !options.output.isJSON { try output.note("cimctl: \(gap)\n") }
            try output.flush()
            if notice.event != nil { seen += 1 }
            if let count, seen >= count { return }
        }
        // Nothing ends a subscription without an error but its time.
        if let count, seen < count {
            throw CIMError(.timedOut, "\(seen) of \(count) events came within \(options.timeout.map { "\($0)" } ?? "") s")
        }
    }

    /// - Returns: the events that are raised from now on, and the class that has to be polled for them.
    private func subscribe(_ session: Session) async throws(CIMError) -> (events: EventSequence, polled: String?) {
        guard CIMName.isValidIdentifier(query) else { return (try await accepted(query, session), nil) }
        let declaration = try await session.getClass(query)
        if declaration.isIndication || declaration.isSameOrDerived(from: "__Event") {
            return (try await accepted("SELECT * FROM \(declaration.name)", session), nil)
        }
        let condition = "WHERE TargetInstance ISA \"\(declaration.name)\""
        do throws(CIMError) {
            return (try await accepted("SELECT * FROM __InstanceOperationEvent \(condition)", session), nil)
        } catch {
            guard error.status == .registrationTooPrecise else { throw error }
        }
        return (try await accepted("SELECT * FROM __InstanceOperationEvent WITHIN \(within) \(condition)", session), declaration.name)
    }

    private func accepted(_ text: String, _ session: Session) async throws(CIMError) -> EventSequence {
        let events = session.events(text)
        try await events.subscribed()
        return events
    }

    private func line(_ notice: EventNotice) -> String {
        switch (notice, options.output.isJSON) {
        case (.event(let event), false): WatchLine.text(event) + "\n"
        case (.gap, false): ""
        case (.event(let event), true): WatchLine.json(event) + "\n"
        case (.gap(let gap), true): WatchLine.json(gap) + "\n"
        }
    }
}

/// An event, or a gap, as one line.
enum WatchLine {
    /// The time, the class, and what the event says: `2026-11-30T12:00:00.000000Z Site_Alarm Place="roof" Level=5`.
    static func text(_ event: CIMInstance) -> String {
        var line = "\(time(event)) \(event.className)"
        for property in event.properties where isShown(property) {
            line += " \(property.name)=\(cell(property.value))"
        }
        return FailureReport.printable(line)
    }

    static func json(_ event: CIMInstance) -> String {
        var text = ""
        JSONText.append(
            [("type", .string("event")), ("time", .string(time(event))), ("event", .object(event))], to: &text)
        return text
    }

    static func json(_ gap: EventGap) -> String {
        var fields: [(String, CIMValue)] = [("type", .string("gap")), ("time", .string(now))]
        switch gap {
        case .lost(let count): fields += [("reason", .string("lost")), ("lost", .uint64(count))]
        case .brokerRestarted: fields.append(("reason", .string("brokerRestarted")))
        }
        var text = ""
        JSONText.append(fields, to: &text)
        return text
    }

    private static func isShown(_ property: CIMInstance.Property) -> Bool {
        !property.value.isNull && !CIMName.isSystemName(property.name) && !CIMName.equal(property.name, "TIME_CREATED")
    }

    private static func cell(_ value: CIMValue) -> String {
        switch value {
        case .string(let text):
            var quoted = ""
            JSONText.append(string: text, to: &quoted)
            return quoted
        case .object(let object):
            if let path = object.path { return path.relativePath }
            let inner = object.properties.filter(isShown).map { "\($0.name)=\(cell($0.value))" }
            return "\(object.className){\(inner.joined(separator: " "))}"
        default: return InstanceTable.cell(value)
        }
    }

    private static var now: String {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return self.time(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    /// 100 ns since 1601, as ISO 8601 in UTC.
    private static func time(_ event: CIMInstance) -> String {
        guard let created = event["TIME_CREATED"]?.uint64Value, created >= 116_444_736_000_000_000 else {
            return now
        }
        return time(microseconds: Int64((created - 116_444_736_000_000_000) / 10))
    }

    private static func time(microseconds: Int64) -> String {
        guard let time = CIMDateTime(secondsSince1970: microseconds / 1_000_000, microseconds: Int(microseconds % 1_000_000))?.description
        else {
            return ""
        }
        let digits = Array(time.utf8).map { String(UnicodeScalar($0)) }
        guard digits.count >= 21 else { return time }
        func part(_ range: Range<Int>) -> String { digits[range].joined() }
        return "\(part(0..<4))-\(part(4..<6))-\(part(6..<8))T\(part(8..<10)):\(part(10..<12)):\(part(12..<14)).\(part(15..<21))Z"
    }
}
