import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus

/// What the broker knows of registrations, and the core does not: where their objects are, what is being done to start or to await their
/// providers, and what an administrator reads about them.
struct Registrations {
    private var starts: [RegistrationID: ProviderStart] = [:]
    private var lastStart: UInt64 = 0
    /// Processes that outlived the broker and may register again.
    private var comebacks: [RegistrationID: EventLoop.ProcessWatch] = [:]
    /// Those that come from a stored definition, with what it was when the core was told of it.
    private(set) var defined: [RegistrationID: ProviderDefinition] = [:]
    /// Where each process has the objects that it registered, and by which way it registered each: the broker calls it by that.
    private var objects: [PeerID: [RegistrationID: (path: ObjectPath, way: Way)]] = [:]
    /// Where the broker shows each registration.
    private var paths: [RegistrationID: ObjectPath] = [:]
    private var warnings: [RegistrationID: [String]] = [:]
    private var ownWords: [RegistrationID: String] = [:]
    private var reportedLosses = ReportedLosses()
    /// The state of each registration that subscribers were told of last.
    private var toldStates: [RegistrationID: Registration.State] = [:]

    // MARK: - Coming and going

    /// A process serves the registration with its object at `path`.
    mutating func isServed(_ id: RegistrationID, by peer: PeerID, at path: ObjectPath, _ way: Way, remarks: [String]) {
        objects[peer, default: [:]][id] = (path, way)
        warnings[id] = remarks.isEmpty ? nil : remarks
        starts[id] = nil
    }

    /// The path of the object with which the process serves the registration; nil where it has none.
    func object(of id: RegistrationID, at peer: PeerID) -> ObjectPath? {
        objects[peer]?[id].flatMap { $0.path == Contract.null ? nil : $0.path }
    }

    mutating func forget(_ peer: PeerID) { objects[peer] = nil }

    /// Nothing is left of the registration.
    /// - Returns: where the broker showed it.
    mutating func forget(_ id: RegistrationID) -> ObjectPath? {
        starts[id] = nil
        toldStates[id] = nil
        ownWords[id] = nil
        warnings[id] = nil
        reportedLosses.removeAll(of: id)
        return paths.removeValue(forKey: id)
    }

    /// It comes from this definition.
    mutating func define(_ id: RegistrationID, as definition: ProviderDefinition) { defined[id] = definition }

    /// These come from stored definitions, and no others.
    /// - Returns: those that did before.
    mutating func keepDefined(_ ids: Set<RegistrationID>) -> [RegistrationID] {
        let gone = defined.keys.filter { !ids.contains($0) }
        for id in gone { defined[id] = nil }
        return gone
    }

    /// - Returns: whether the state is another one than subscribers were told of last.
    mutating func tells(_ state: Registration.State, of id: RegistrationID) -> Bool {
        let last = toldStates.updateValue(state, forKey: id) ?? .absent
        return last != state
    }

    // MARK: - Objects

    /// Where the process has the registration's object, and by which way it is called.
    func place(of id: RegistrationID, in peer: PeerID) -> (path: ObjectPath, way: Way)? { objects[peer]?[id] }

    /// Whether the process registered anything by the bus.
    func hasOnBus(_ peer: PeerID) -> Bool { objects[peer]?.values.contains { $0.way == .bus } ?? false }

    /// Any object of the process.
    func anyObject(of peer: PeerID) -> ObjectPath? { objects[peer]?.min { $0.key < $1.key }?.value.path }

    /// The registrations whose object the process has at `path`.
    func registrations(of peer: PeerID, at path: ObjectPath) -> [RegistrationID] {
        (objects[peer] ?? [:]).filter { $0.value.path == path }.map(\.key).sorted()
    }

    /// Where the broker shows the registration.
    func path(of id: RegistrationID) -> ObjectPath? { paths[id] }

    mutating func show(_ id: RegistrationID, at path: ObjectPath) { paths[id] = path }

    // MARK: - Words

    func warnings(of id: RegistrationID) -> [String] { warnings[id] ?? [] }

    mutating func warn(of text: String, _ id: RegistrationID) { warnings[id, default: []].append(text) }

    /// What the provider itself said of its last failure.
    func ownWords(of id: RegistrationID) -> String? { ownWords[id] }

    mutating func said(_ words: String, _ id: RegistrationID) { ownWords[id] = words }

    /// Whether nobody was told yet that values of the property are lost.
    mutating func reportsLoss(of property: String, _ id: RegistrationID?) -> Bool { reportedLosses.insert(property, of: id) }

    // MARK: - Starts and comebacks

    /// - Returns: the number of this start.
    mutating func start(_ id: RegistrationID, _ busName: String) -> UInt64 {
        lastStart += 1
        starts[id] = ProviderStart(number: lastStart, busName: busName)
        return lastStart
    }

    /// The start of that number; nil when it was given up, or is over.
    func start(of id: RegistrationID, number: UInt64) -> ProviderStart? { starts[id].flatMap { $0.number == number ? $0 : nil } }

    mutating func starting(_ id: RegistrationID, is progress: ProviderStart.Progress) { starts[id]?.progress = progress }

    mutating func startEnded(_ id: RegistrationID) { starts[id] = nil }

    func starts(of busName: String) -> [(RegistrationID, ProviderStart)] {
        starts.isEmpty ? [] : starts.filter { $0.value.busName == busName }.sorted { $0.key < $1.key }
    }

    /// What is being started.
    var starting: [RegistrationID] { starts.keys.sorted() }

    mutating func expect(_ id: RegistrationID, _ watch: EventLoop.ProcessWatch) { comebacks[id] = watch }

    /// - Returns: the watch that is to be stopped.
    mutating func stopExpecting(_ id: RegistrationID) -> EventLoop.ProcessWatch? { comebacks.removeValue(forKey: id) }
}
