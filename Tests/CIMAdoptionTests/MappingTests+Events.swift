import CIM
import CIMAdoption
import CIMMOF
import DBus
import Testing

/// What mappings say about signals.
extension MappingTests {
    static let signals = """
        [dynamic, provider("DBusServices"),
            ClassContext("service org.example.Units; managed /org/example; interface org.example.Unit; "
                "events after at /org/example .Subscribe(s 'all'), created, deleted org.example.Manager.Gone(_, path), changed")]
        class Test_Unit { [key, PropertyContext("path last")] string Name; uint32 MainPID; };
        [EventContext("service org.example.Units; bus session; path /org/example/unit/**; "
            "signal org.example.Unit.Failed(Why, _, Code)")]
        class Test_Failed : __ExtrinsicEvent
        {
            string Why;
            [PropertyContext("column Code | map 1 = 'one'")] string Code;
            [PropertyContext("path | ref Test_Unit")] Test_Unit ref Unit;
        };
        """

    @Test("EV4, EV79: a mapping says by which signals its objects come, change and go, and which signals are events") func events() throws {
        let classes = try classes(Self.signals)
        #expect(classes.faults == [])
        let signals = try #require(classes["Test_Unit"]?.context.signals)
        #expect(signals.created == .manager && signals.tellsChanges && signals.preparation?.member.text == "Subscribe")
        let manager = InterfaceName(verified: "org.example.Manager")
        #expect(signals.deleted == .signal(SignalTemplate(manager, MemberName(verified: "Gone"), [.ignored, .path])))
        let event = try #require(classes.events["Test_Failed"])
        #expect(event.context.bus == .session && event.context.signal.arguments == [.named("Why"), .ignored, .named("Code")])
        #expect(event.context.path?.matches(ObjectPath(verified: "/org/example/unit/a/b")) == true)
        #expect(event.adopted.way("Why").map(\.origin) == [.column("Why")])
        #expect(classes.classes["Test_Failed"] == nil)
        #expect(
            classes.eventQueries == [
                "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Test_Unit'",
                "SELECT * FROM __InstanceModificationEvent WHERE TargetInstance ISA 'Test_Unit'",
                "SELECT * FROM __InstanceDeletionEvent WHERE TargetInstance ISA 'Test_Unit'", "SELECT * FROM Test_Failed",
            ])
    }

    @Test(
        "EV81: a fault of what a mapping says about signals has its line and column",
        arguments: [
            ("created, deleted", "made, deleted", "expected after, created, deleted or changed, found 'made'", 3),
            ("created, deleted", "created, created, deleted", "expected one 'created', found another", 3),
            ("Gone(_, path)", "Gone(_, _)", "expected 'path' among the arguments of Gone", 3),
            ("managed /org/example", "tree /org/example/*", "the class has no clause 'managed' before it", 3),
            ("after at /org/example .", "after .", "expected 'at PATH' before Subscribe", 3),
            ("(s 'all')", "(s Name)", "expected constants in the path and in the arguments of Subscribe", 3),
            (
                "after at /org/example .Subscribe(s 'all'), created, deleted org.example.Manager.Gone(_, path), changed",
                "after at /org/example .Subscribe(s 'all')", "expected created, deleted or changed", 3
            ),
            ("signal org.example.Unit.Failed", "sgnal org.example.Unit.Failed", "expected service, bus, signal, path or after", 6),
            ("Failed(Why,", "Failed(What,", "expected an argument of the signal Failed for Why, found 'Why'", 5),
            ("column Code", "column Cod", "expected an argument of the signal Failed for Code, found 'Cod'", 10),
            ("path | ref Test_Unit", ".Unit | ref Test_Unit", "with its interface", 11),
            ("path | ref Test_Unit", "org.example.Unit.Unit | ref Test_Unit", "expected an argument, the path or a constant", 11),
            ("path | ref Test_Unit", "path", "Unit is a reference", 11),
            (" : __ExtrinsicEvent", "", "expected a class below __ExtrinsicEvent", 5),
            ("service org.example.Units; bus session", "bus session", "expected a clause 'service'", 6),
            ("bus session", "bus sesion", "expected bus own, bus system or bus session", 5),
        ])
    func eventFaults(_ fault: (from: String, to: String, message: String, line: Int)) throws {
        let text = Self.signals.replacing(fault.from, with: fault.to)
        let unit = try MOFParser.parse(text)
        let error = try #require(unit.adoptionFaults().first, "\(fault.from)")
        #expect(error.description.contains(fault.message), "\(error)")
        #expect(error.line == fault.line, "\(error)")
        #expect(error.column > 0)
    }

    @Test("A class whose properties stand in columns alone tells of no changes: it says so, and has none of the class that it is like")
    func eventsOfColumns() throws {
        let own = """
            [dynamic, provider("DBusServices"), ClassContext("service a.b; list / a.B.List() -> (Name, path); interface a.C; events changed")]
            class Test_A { [key, PropertyContext("column Name")] string Name; };
            """
        #expect(try classes(own).faults.contains { $0.message.contains("expected a place beside the column for Name") })
        let like = """
            [dynamic, provider("DBusServices"), ClassContext("service a.b; list / a.B.List() -> (Name, path); interface a.C; events changed")]
            class Test_A { [key] string Name; };
            [dynamic, provider("DBusServices"), ClassContext("like Test_A")] class Test_B { [key, PropertyContext("column Name")] string Name; };
            """
        #expect(try classes(like).faults == [])
        #expect(try classes(like)["Test_B"]?.context.signals == nil && classes(like)["Test_A"]?.context.signals != nil)
    }
}
