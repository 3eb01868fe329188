import CIM
import Testing

@testable import CIMQuery

/// The event classes of a namespace, and some of a provider's own.
enum EventClasses {
    private static func event(_ name: String, _ ancestors: [String], _ properties: [CIMProperty] = []) -> CIMClass {
        CIMClass(name: name, superclass: ancestors.first, derivation: ancestors, properties: properties)
    }

    private static let target = Disks.property("TargetInstance", .object)
    private static let previous = Disks.property("PreviousInstance", .object)

    static let all: [CIMClass] = [
        event("__Event", ["__IndicationRelated"]),
        event("__ExtrinsicEvent", ["__Event", "__IndicationRelated"]),
        event("__SystemEvent", ["__ExtrinsicEvent", "__Event", "__IndicationRelated"]),
        event("__InstanceOperationEvent", ["__Event", "__IndicationRelated"], [target]),
        event("__InstanceCreationEvent", ["__InstanceOperationEvent", "__Event", "__IndicationRelated"], [target]),
        event(
            "__InstanceModificationEvent", ["__InstanceOperationEvent", "__Event", "__IndicationRelated"], [target, previous]),
        event("__ClassOperationEvent", ["__Event", "__IndicationRelated"]),
        event("__TimerEvent", ["__Event", "__IndicationRelated"]),
        event("__AggregateEvent", ["__IndicationRelated"]),
        event(
            "Site_Alarm", ["__ExtrinsicEvent", "__Event", "__IndicationRelated"],
            [
                Disks.property("Count", .uint32), CIMProperty(name: "Tags", type: .array(of: .string)), Disks.property("Place", .string),
            ]),
        event("Site_LoudAlarm", ["Site_Alarm", "__ExtrinsicEvent", "__Event", "__IndicationRelated"]),
        CIMClass(name: "Stored"),
        CIMClass(name: "Served", qualifiers: [CIMQualifier(name: "dynamic", value: .boolean(true))]),
        CIMClass(
            name: "ServedBelow", superclass: "Served", derivation: ["Served"],
            qualifiers: [CIMQualifier(name: "dynamic", value: .boolean(true))]),
        CIMClass(name: "OtherServed", qualifiers: [CIMQualifier(name: "dynamic", value: .boolean(true))]),
    ]

    static let lookup: ClassLookup = { name in all.first { CIMName.equal($0.name, name) } ?? Disks.lookup(name) }

    static func query(_ text: String) throws(QueryError) -> EventQuery {
        guard case .select(let query) = try WQLQuery(parsing: text) else { throw QueryError(.failed, "no SELECT", at: .none) }
        guard let declaration = lookup(query.className.text) else { throw QueryError(.invalidClass, "no class", at: query.classPlace) }
        return try EventQuery(query, checkedAgainst: declaration, classes: lookup)
    }
}

@Suite("Event queries (Semantics I.5, J.2)")
struct EventQueryTests {
    private func query(_ text: String) throws(QueryError) -> EventQuery { try EventClasses.query(text) }

    @Test(
        "EV9, EV22, EV35, EV37: what an event query may not be, with WMI's codes and the place",
        arguments: [
            ("SELECT * FROM Disk", WBEMStatus.notEventClass, 15), ("SELECT * FROM __AggregateEvent", .notEventClass, 15),
            ("SELECT * FROM Site_Alarm GROUP BY Count", .missingGroupWithin, 32),
            ("SELECT * FROM Site_Alarm GROUP WITHIN 5 BY *", .missingAggregationList, 44),
            ("SELECT * FROM __InstanceCreationEvent GROUP WITHIN 5 BY TargetInstance", .aggregatingByObject, 57),
            ("SELECT * FROM Site_Alarm GROUP WITHIN 5 BY Count.x", .propertyNotAnObject, 44),
            ("SELECT * FROM Site_Alarm GROUP WITHIN 5 BY Tags", .invalidQuery, 44),
            ("SELECT * FROM Site_Alarm GROUP WITHIN 5 HAVING NumberOfInstances > 1", .invalidQuery, 48),
            ("SELECT * FROM Site_Alarm GROUP WITHIN -5", .invalidQuery, 39),
            ("SELECT * FROM Site_Alarm WHERE Bogus = 1", .invalidQuery, 32),
            ("SELECT * FROM Site_Alarm WHERE Count.x = 1", .propertyNotAnObject, 32),
            ("SELECT * FROM Site_Alarm WHERE Count ISA 'Disk'", .invalidOperator, 32),
            ("SELECT * FROM __InstanceCreationEvent WITHIN 0.001", .invalidQuery, 15),
            ("SELECT * FROM Site_Alarm WHERE", .invalidQuery, 31),
        ])
    func refused(text: String, status: WBEMStatus, column: Int) {
        let error = #expect(throws: QueryError.self) { try query(text) }
        #expect(error?.status == status)
        #expect(error?.place.column == column, "\(error?.description ?? "")")
    }

    @Test("EV22, EV23: polling without WITHIN is RegistrationTooPrecise, which says in words what is missing")
    func tooPrecise() throws {
        let query = try query("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Disk'")
        #expect(throws: Never.self) { try query.checkPolling(of: nil) }
        let error = #expect(throws: QueryError.self) { try query.checkPolling(of: "Disk") }
        #expect(error?.status == .registrationTooPrecise)
        #expect(error?.message.contains("WITHIN") == true && error?.message.contains("Disk") == true)
        let polled = try self.query("SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Disk'")
        #expect(throws: Never.self) { try polled.checkPolling(of: "Disk") }
    }

    @Test("EV16: WITHIN before WHERE is the poll, GROUP WITHIN behind it the window")
    func bothIntervals() throws {
        let select = try query("SELECT * FROM __InstanceCreationEvent WITHIN 2.5 WHERE TargetInstance ISA 'Disk' GROUP WITHIN 60").query
        #expect(select.pollingSeconds == 2.5 && select.grouping?.seconds == 60)
    }

    @Test("EV17, EV114: a listed part of an embedded object keeps the object whole")
    func listed() throws {
        #expect(try query("SELECT TargetInstance.Id FROM __InstanceCreationEvent").projection.kept == ["TargetInstance"])
    }

    private func creation(_ className: String, _ properties: KeyValuePairs<String, CIMValue> = [:]) -> CIMInstance {
        CIMInstance(className: "__InstanceCreationEvent", ["TargetInstance": .object(CIMInstance(className: className, properties))])
    }

    @Test("EV18, EV19: ISA of the target and its subclasses, properties of the target, LIKE, IS NULL")
    func conditions() throws {
        func matches(_ condition: String, _ event: CIMInstance) throws -> Bool {
            try query("SELECT * FROM __InstanceCreationEvent WHERE \(condition)").predicate(classes: EventClasses.lookup).matches(event)
        }
        #expect(try matches("TargetInstance ISA 'Part'", creation("FastDisk")))
        #expect(try !matches("TargetInstance ISA 'FastDisk'", creation("Disk")))
        #expect(try matches("TargetInstance ISA 'Disk' AND TargetInstance.Size > 5", creation("Disk", ["Size": .uint64(6)])))
        #expect(try !matches("TargetInstance ISA 'Disk' AND TargetInstance.Size > 5", creation("Disk", ["Size": .uint64(5)])))
        #expect(try matches("TargetInstance.Name LIKE 'sd%'", creation("Disk", ["Name": .string("sda")])))
        #expect(try matches("TargetInstance.Name IS NULL", creation("Disk")))
        #expect(try !matches("TargetInstance.Name IS NOT NULL", creation("Disk")))
        #expect(try matches("__CLASS ISA '__Event'", creation("Disk")))
    }

    private func modification(_ before: CIMValue?, _ after: CIMValue?) -> CIMInstance {
        func disk(_ state: CIMValue?) -> CIMValue { .object(CIMInstance(className: "Disk", state.map { ["State": $0] } ?? [:])) }
        return CIMInstance(
            className: "__InstanceModificationEvent", ["TargetInstance": disk(after), "PreviousInstance": disk(before)])
    }

    @Test(
        "EV19: a property of the target is compared with the same of the object before; NULL is like nothing",
        arguments: [
            ("TargetInstance.State <> PreviousInstance.State", CIMValue?.some(.string("up")), CIMValue?.some(.string("down")), true),
            ("TargetInstance.State <> PreviousInstance.State", .string("up"), .string("UP"), false),
            ("TargetInstance.State = PreviousInstance.State", .uint32(4), .sint64(4), true),
            ("TargetInstance.State > PreviousInstance.State", .uint8(9), .uint64(10), true),
            ("NOT TargetInstance.State > PreviousInstance.State", .uint8(9), .uint64(10), false),
            ("TargetInstance.State > PreviousInstance.State", .real64(9.5), .uint64(9), false),
            ("TargetInstance.State <> PreviousInstance.State", .boolean(true), .boolean(false), true),
            ("TargetInstance.State <> PreviousInstance.State", nil, .string("up"), false),
            ("TargetInstance.State = PreviousInstance.State", nil, nil, false),
            ("TargetInstance.State <> PreviousInstance.State", .string("4"), .uint32(5), false),
        ])
    func compared(condition: String, before: CIMValue?, after: CIMValue?, holds: Bool) throws {
        let query = try query("SELECT * FROM __InstanceModificationEvent WHERE \(condition)")
        #expect(query.predicate(classes: EventClasses.lookup).matches(modification(before, after)) == holds)
        guard case .select(let again) = try WQLQuery(parsing: query.query.description) else { return }
        #expect(again == query.query)
    }

    @Test("EV13, EV115: where there is no former object, a comparison with it does not hold")
    func noFormerObject() throws {
        let query = try query("SELECT * FROM __InstanceModificationEvent WHERE TargetInstance.State <> PreviousInstance.State")
        var event = modification(nil, .string("up"))
        event["PreviousInstance"] = .null
        #expect(!query.predicate(classes: EventClasses.lookup).matches(event))
    }

    @Test(
        "EV19: only properties of two embedded objects are compared, and only in event queries",
        arguments: [
            "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance.State = State",
            "SELECT * FROM Site_Alarm WHERE Count = TargetInstance.State",
            "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance.State = PreviousInstance",
            "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance.State LIKE PreviousInstance.State",
        ])
    func notCompared(text: String) {
        #expect(throws: QueryError.self) { try query(text) }
        #expect(throws: QueryError.self) {
            guard case .select(let select) = try WQLQuery(parsing: "SELECT * FROM Disk WHERE Part.Size = Part.Id") else { return }
            _ = try DataQuery(select, checkedAgainst: Disks.disk, classes: Disks.lookup)
        }
    }

    @Test(
        "EV20: which classes a condition is about; none said, any",
        arguments: [
            ("TargetInstance ISA 'Disk'", ["Disk"]), ("TargetInstance ISA 'Disk' OR TargetInstance ISA 'Part'", ["Disk", "Part"]),
            ("TargetInstance ISA 'Disk' OR TargetInstance.Size > 1", nil), ("TargetInstance.__CLASS = 'Disk'", ["disk"]),
            ("TargetInstance.Size > 1 AND (TargetInstance ISA 'Disk' AND TargetInstance.Size < 4)", ["Disk"]),
            ("NOT TargetInstance ISA 'Disk'", nil), ("TargetInstance.Size > 1", nil), ("PreviousInstance ISA 'Disk'", nil),
        ] as [(String, [CIMName]?)])
    func bounds(condition: String, bounds: [CIMName]?) throws {
        #expect(try query("SELECT * FROM __InstanceModificationEvent WHERE \(condition)").classBounds() == bounds)
    }
}

@Suite("What a provider of events says that it has (Semantics J.3)")
struct EventOfferTests {
    private func offer(_ text: String) throws(QueryError) -> EventOffer { try EventOffer(text, classes: EventClasses.lookup) }

    @Test(
        "EV80, EV81: a bad query of an EventQueryList, and why",
        arguments: [
            ("nonsense", WBEMStatus.unparsableQuery), ("ASSOCIATORS OF {Disk.Id=1}", .unparsableQuery),
            ("SELECT * FROM Missing", .invalidClass), ("SELECT * FROM Disk", .notEventClass),
            ("SELECT * FROM __InstanceCreationEvent", .uninterpretableProviderQuery),
            ("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance.Size > 5", .uninterpretableProviderQuery),
            ("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Missing'", .uninterpretableProviderQuery),
            ("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Stored'", .registrationTooBroad),
            ("SELECT * FROM __Event", .registrationTooBroad), ("SELECT * FROM __ClassOperationEvent", .registrationTooBroad),
            ("SELECT * FROM __TimerEvent", .registrationTooBroad), ("SELECT * FROM __SystemEvent", .registrationTooBroad),
        ])
    func refused(text: String, status: WBEMStatus) {
        #expect(#expect(throws: QueryError.self) { try offer(text) }?.status == status)
    }

    @Test("EV80, EV95: an offer covers its class and those below it; of instances, those of the class that it names")
    func covers() throws {
        func event(_ name: String) -> CIMClass { EventClasses.lookup(name) ?? CIMClass(name: "") }
        let alarms = try offer("SELECT * FROM Site_Alarm WHERE Count > 5")
        #expect(alarms.covers(event("Site_LoudAlarm"), about: nil) && !alarms.covers(event("__ExtrinsicEvent"), about: nil))
        let created = try offer("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Served'")
        let creation = event("__InstanceCreationEvent")
        #expect(created.covers(creation, about: event("ServedBelow")))
        #expect(!created.covers(creation, about: event("OtherServed")) && !created.covers(creation, about: nil))
        #expect(!created.covers(event("__InstanceModificationEvent"), about: event("Served")))
    }

    @Test(
        "EV7, EV26: which offers concern which queries: classes above and below, and targets above and below",
        arguments: [
            ("SELECT * FROM Site_Alarm", "SELECT * FROM Site_LoudAlarm", true),
            ("SELECT * FROM Site_LoudAlarm", "SELECT * FROM Site_Alarm WHERE Count = 1", true),
            ("SELECT * FROM Site_Alarm", "SELECT * FROM __ExtrinsicEvent", true),
            ("SELECT * FROM Site_Alarm", "SELECT * FROM __InstanceCreationEvent", false),
            (
                "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Served'",
                "SELECT * FROM __InstanceOperationEvent WITHIN 10 WHERE TargetInstance ISA 'ServedBelow'", true
            ),
            (
                "SELECT * FROM __InstanceOperationEvent WHERE TargetInstance ISA 'ServedBelow'",
                "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Served'", true
            ),
            (
                "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Served'",
                "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'OtherServed'", false
            ),
            (
                "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Served'",
                "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Served'", false
            ),
            ("SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Served'", "SELECT * FROM __Event", true),
        ])
    func concerns(offered: String, asked: String, concerns: Bool) throws {
        #expect(try offer(offered).concerns(EventClasses.query(asked), classes: EventClasses.lookup) == concerns)
    }
}
