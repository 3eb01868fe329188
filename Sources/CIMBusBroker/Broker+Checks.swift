import CIM
import CIMBusCore
import CIMBusWire

/// What is looked at in a provider's objects besides their classes: whether they are those that were asked for, and what they lost.
extension Broker {
    /// Throws where an operation asks for one instance, and an object is another one. The keys of what was put are the provider's to say.
    func checkKeys(_ objects: CheckedObjects, _ record: OperationRecord) throws(ObjectFault) {
        let kind = record.kindForProvider
        guard kind == .getObject || kind == .deleteInstance else { return }
        // The common case: one object, of exactly the class that was named, as its provider sent it.
        if let path = record.instance, case .verbatim(_, let reader, let ranges) = objects, ranges.count == 1,
            case .instances(let layout)? = record.expectation, layout.evidentlyHasKeys(of: path, at: ranges[0], in: reader)
        {
            return
        }
        guard let path = record.instance ?? (try? CIMObjectPath(parsing: record.path)) else { return }
        let layouts: ObjectChecker.Lookup = { [schema] in schema.layout($0, in: record.namespace) }
        // Who is asked for some properties may say no more than those.
        let needsAll = kind == .getObject && !record.isPartialRead
        var wrong: String?
        try objects.forEach(layouts, prepare: { _ in }) { row, _, _ in
            if wrong == nil { wrong = row.keys(otherThan: path, needsAll: needsAll, lookup: layouts) }
        }
        if let wrong {
            throw ObjectFault("it was asked for \(record.path.clipped(300)) and answered with \(wrong)", kind: .wrongInstance)
        }
    }

    /// What the caller may see of a provider's objects: those of classes below the one that was asked about may be none of his business.
    func visible(_ objects: CheckedObjects, _ record: OperationRecord) throws(ObjectFault) -> CheckedObjects {
        guard core.rights.isSelective(for: record.caller, in: record.namespace.text), case .instances? = record.expectation else {
            return objects
        }
        let resolver = resolver(for: record.caller)
        let (reader, ranges) = objects.contents
        let seen = ranges.filter {
            resolver.sees(ObjectRow.className(at: $0, in: reader), in: record.namespace, for: record.kindForProvider)
        }
        if record.kindForProvider == .getObject, let hidden = ranges.first, seen.isEmpty {
            let name = ObjectRow.className(at: hidden, in: reader)
            throw ObjectFault("the caller has not the right Enable for class \(name) in \(record.namespace)", kind: .denied)
        }
        return try objects.keeping(seen)
    }

    /// Counts what a provider's objects lost, and logs each property once.
    func report(_ lost: LostValues, of record: OperationRecord) {
        tell { $0.countLost(lost.count, by: record.registration) }
        let registration = record.registration.flatMap { core.registry.find($0) }
        for (property, reason) in lost.reasons where registrations.reportsLoss(of: property, record.registration) {
            logger.warning(
                "provider \(registration?.name ?? ""): \(reason.clipped(1024)); NULL is passed on, and this is not logged again for \(property)"
            )
        }
    }
}

/// Which properties of which registration have been logged. It keeps what it knows within a bound.
struct ReportedLosses {
    private struct Subject: Hashable {
        let registration: RegistrationID?
        let property: CIMName
    }

    private static let most = 10_000
    private var subjects: Set<Subject> = []

    /// Whether it is new. Past the bound nothing is.
    mutating func insert(_ property: String, of registration: RegistrationID?) -> Bool {
        subjects.count < Self.most && subjects.insert(Subject(registration: registration, property: CIMName(property))).inserted
    }

    /// Forgets a registration that is no more.
    mutating func removeAll(of registration: RegistrationID) {
        subjects = subjects.filter { $0.registration != registration }
    }
}

extension OperationRecord {
    /// Whether its provider is asked for some properties of an instance.
    fileprivate var isPartialRead: Bool {
        context.contains { CIMName.equal($0.0, ContextKey.getExtensions) && $0.1 == .boolean(true) }
    }
}

extension ObjectFault {
    /// How an operation ends with it, whose result it is.
    var outcome: Outcome {
        switch kind {
        case .outOfMemory:
            .stated(status, "the broker could not take the result: \(description); retry when there is more memory, or ask for less")
        case .denied: .stated(status, description)
        case .misfit, .wrongInstance, .tooLarge, .tooDeep: .because(reason, text: description)
        }
    }

    /// Why an operation ends with it.
    var reason: Explanation.Reason {
        switch kind {
        case .misfit, .tooDeep: .misfit
        case .tooLarge: .oversized
        case .wrongInstance: .badAnswer
        // The broker's own want, or decision: nobody else did anything.
        case .outOfMemory, .denied: .stated
        }
    }
}
