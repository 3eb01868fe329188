import CIM
import CIMBusCore
import CIMBusWire
import CIMMOF
import CIMRepository
import DBus
import Testing

@testable import CIMBusBroker

/// A schema, registrations and rights, to resolve requests over: no bus, no process.
struct Ground {
    static let broker: UInt32 = 100
    static let stranger: UInt32 = 1_000
    static let mof = """
        class Test_Stored { [key] string Name; string Note; };
        class Test_StoredBelow : Test_Stored { };
        [abstract] class Test_Abstract { [key] string Name; };
        [dynamic] class Test_Forgotten { [key] string Name; };
        [dynamic, provider("A")] class Test_A {
            [key] string Name; uint32 Size;
            [implemented] uint32 Stop([in] uint32 Seconds, [out] string Word);
            [implemented, static] uint32 All();
            uint32 Unwritten();
        };
        [dynamic, provider("B")] class Test_B : Test_A { string More; };
        [dynamic, provider("A")] class Test_Alone { [key] string Name; };
        [dynamic, provider("Nowhere")] class Test_Lost { [key] string Name; };
        [dynamic, provider("Reader")] class Test_Read { [key] string Name; };
        instance of __Win32Provider as $reader { Name = "Reader"; HostingModel = "Decoupled:DBus"; };
        instance of __InstanceProviderRegistration { provider = $reader; SupportsGet = TRUE; SupportsEnumeration = TRUE; };
        """

    let snapshot: SchemaSnapshot
    private var core = BrokerCore()
    private let ids: [String: RegistrationID]

    init() async throws {
        let repository = try await Repository.inMemory(server: "here")
        let unit = try MOFParser.parse(Self.mof)
        snapshot = SchemaSnapshot(try await repository.commit(try unit.changes(in: .cimv2, schema: repository.schema)))
        var ids: [String: RegistrationID] = [:]
        for name in ["A", "B", "Reader"] { ids[name] = core.define(namespace: CIMNamespaceName.cimv2.text, name: name, uid: Self.broker) }
        self.ids = ids
    }

    /// Who has its classes is known no more.
    mutating func undefine(_ provider: String) throws { #expect(core.undefine(try id(provider))) }

    func id(_ provider: String) throws -> RegistrationID { try #require(ids[provider]) }

    private static func rule(_ line: String) throws -> RightsRule {
        try #require(try RightsRule(line: line, place: "rules") { _, _ in nil })
    }

    func resolve(
        _ kind: Request.Kind, _ texts: String..., object: CIMInstance? = nil, flags: OperationFlags = [],
        context: [(String, DBusValue)] = [], by user: UInt32 = stranger, rules: String...
    ) throws -> Resolution {
        var body = BodyWriter()
        for text in texts { body.append(string: text) }
        if let object, kind != .execMethod { body.append(instance: object) }
        body.append(int32: flags.rawValue)
        body.append(.dictionary(context))
        if kind == .execMethod { body.append(optional: object) }
        let bytes = try body.finish()
        var known = ServicesCall.KnownContext()
        let arguments = try ServicesCall(
            kind, .sync, .cimv2, bodySize: bytes.count, bytes.withUnsafeBytes { BodyReader(copying: $0) }, server: "here", known: &known)
        let rights = Rights(broker: Self.broker, rules: try rules.map(Self.rule))
        return Resolver(snapshot: snapshot, registry: core.registry, rights: rights, caller: Caller(uid: user)).resolve(arguments)
    }
}

extension Resolution {
    var refused: CIMError? { if case .refused(let error) = self { error } else { nil } }

    var answered: (status: WBEMStatus, text: String)? {
        if case .answered(let outcome, _, _) = self { (outcome.status, outcome.explanation?.text ?? "") } else { nil }
    }

    var instances: [CIMInstance]? { if case .answered(_, _, .instances(let instances)) = self { instances } else { nil } }

    var asked: (registration: RegistrationID, question: Question)? {
        if case .ask(let registration, let question) = self { (registration, question) } else { nil }
    }

    var work: Work? { if case .conducted(let work, _) = self { work } else { nil } }
}
