import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// What the broker keeps of one operation: everything that the core decides about and never looks at.
///
/// `@unchecked Sendable`: the broker's loop alone touches it.
final class OperationRecord: @unchecked Sendable {
    let kind: Request.Kind
    let namespace: CIMNamespaceName
    /// What the operation is about, for people: as in the property `Target` of `org.cimbus1.Operation`.
    var subject = ""
    let client: PeerID
    /// Whose operation it is: a nested one is the provider's that asks for it (L12).
    let caller: Caller
    let form: Request.Form
    /// The way the request came, which is the way of everything that goes to the client about it.
    var way = Way.bus
    let flags: OperationFlags
    /// Whether a person may be asked to authorize it, by the broker or by who serves it.
    var isInteractive = false
    /// Who was asked, if it was a provider.
    var registration: RegistrationID?
    /// Objects handed to the client so far.
    var delivered = 0
    /// The provider's arguments.
    var path = ""
    /// The path as a value, where it is an instance's that the client named.
    var instance: CIMObjectPath?
    var method = ""
    /// A put's instance, or a method's in parameters.
    var input = ObjectBatch()
    var context: [(String, DBusValue)] = []
    /// What the provider's objects must be; nil where it cannot send any that a client would see.
    var expectation: ObjectChecker.Expectation?
    /// What becomes of the provider's objects on their way; nil: nothing.
    var filter: RowFilter?
    /// How the packed rows that came last fit their class.
    var packed: PackedFit?
    /// As in ``Question``.
    var providerKind: Request.Kind?
    /// Of a part: the whole, and which of the parts it is that the whole's join asked; nil: none of them.
    var joined: (whole: OperationID, index: Int?)?
    /// Of a part that is a look at polled instances.
    var look: (poll: PollID, look: LookID)?
    /// Of a whole that is put together: what the parts have said so far, the most derived class first.
    var gathered: [CheckedObjects] = []
    /// Of a source of associations: the batches that wait for the objects at their other ends, the first of which are asked for.
    var lookUps: [LookUp] = []
    /// The class of the instance whose method runs, once a part has said it.
    var realClass = ""
    /// Of a part that is one of several, one after the other: which one, and of how many.
    var step: (index: Int, count: Int)?
    /// What class objects are read with: localized qualifiers, where the client wants them and there are some.
    var localized: LocalizedClasses?
    /// Whether the client wants the system properties that follow from the class.
    var derivedSystemProperties = true
    /// A put's path, as far as its keys say it.
    var putPath = ""
    /// Synchronous: the call that waits for its reply.
    var call: MethodCall?
    /// Asynchronous: the client's name and sink.
    var sink: ObjectPath?
    /// Synchronous and semisynchronous: what came, and was not handed over.
    var objects: [ObjectBatch] = []
    /// What the broker itself does for it.
    var work: Work?
    /// Semisynchronous, after the end.
    var result: (status: WBEMStatus, parameter: String, error: CIMError?, extended: CIMInstance?)?

    init(
        kind: Request.Kind, namespace: CIMNamespaceName, client: PeerID, caller: Caller, form: Request.Form, flags: OperationFlags
    ) {
        self.kind = kind
        self.namespace = namespace
        self.client = client
        self.caller = caller
        self.form = form
        self.flags = flags
    }

    /// Whether objects are written with all their system properties, for the client or for the filter.
    var writesSystemProperties: Bool { derivedSystemProperties || filter?.needsPaths ?? false }

    /// The class that its provider is asked about; nil: none.
    var className: String? {
        if case .instances(let layout)? = expectation { return layout.className }
        let name = path.utf8.prefix { $0 != UInt8(ascii: ".") && $0 != UInt8(ascii: "=") }
        return name.isEmpty ? nil : String(Substring(name))
    }

    /// What the provider is asked for.
    var kindForProvider: Request.Kind { providerKind ?? kind }

    /// It has ended, and only its results are kept.
    func endWork() {
        work = nil
        gathered = []
    }

    /// The first `count` objects, taken out.
    func take(_ count: Int) -> [ObjectBatch] {
        var taken: [ObjectBatch] = []
        var left = count
        while left > 0, var batch = objects.first {
            if batch.count <= left {
                left -= batch.count
                taken.append(batch)
                objects.removeFirst()
            } else {
                taken.append(batch.removeFirst(left))
                objects[0] = batch
                left = 0
            }
        }
        return taken
    }
}

extension OperationRecord {
    /// What is known of a client's operation when it is asked for: what the call says, and what ``Resolver`` made of it.
    convenience init(_ arguments: ServicesCall, _ question: Question, client: PeerID, caller: Caller) {
        self.init(
            kind: arguments.kind, namespace: arguments.namespace, client: client, caller: caller, form: arguments.requestForm,
            flags: arguments.providerFlags)
        subject = question.subject.isEmpty ? arguments.subject.clipped() : question.subject
        sink = arguments.sink
        ask(question, arguments)
    }

    /// What whoever answers is asked, and what becomes of the answer.
    func ask(_ question: Question, _ arguments: ServicesCall) {
        path = question.path
        instance = question.instance
        method = question.method
        input = question.input
        putPath = question.putPath
        providerKind = question.providerKind
        expectation = question.expectation
        filter = question.filter
        context = arguments.providerContext
        derivedSystemProperties = arguments.derivedSystemProperties
    }
}

/// The records of what is known, in the order of their numbers: few, so that one is found by a few comparisons.
struct OperationRecords {
    private(set) var keys: [OperationID] = []
    private var records: [OperationRecord] = []

    private func place(of id: OperationID) -> Int {
        // The newest is asked for most.
        if let last = keys.last, last < id { return keys.count }
        var (low, high) = (0, keys.count)
        while low < high {
            let middle = (low &+ high) >> 1
            if keys[middle] < id { low = middle &+ 1 } else { high = middle }
        }
        return low
    }

    subscript(id: OperationID) -> OperationRecord? {
        get {
            let place = place(of: id)
            return place < keys.count && keys[place] == id ? records[place] : nil
        }
        set {
            let place = place(of: id)
            let isThere = place < keys.count && keys[place] == id
            switch (newValue, isThere) {
            case (let record?, true): records[place] = record
            case (let record?, false):
                keys.insert(id, at: place)
                records.insert(record, at: place)
            case (nil, true):
                keys.remove(at: place)
                records.remove(at: place)
            case (nil, false): break
            }
        }
    }
}
