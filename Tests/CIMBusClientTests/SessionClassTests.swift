import CIM
import CIMBusClient
import SDKTestKit
import Testing
import WireTestKit

extension ClientTests {
    /// Classes and namespaces, between the client's SDK and a real broker.
    @Suite struct SessionClassTests {
        private func open() async throws -> (bus: PrivateBus, broker: BrokerProcess, session: Session) {
            let bus = try await PrivateBus.start()
            let broker = try await BrokerProcess.start(on: bus)
            return (bus, broker, try await Session.connect(to: .address(bus.address), logger: quiet))
        }

        private func status<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> WBEMStatus? {
            try await soon("a failure") {
                do {
                    _ = try await body()
                    return nil
                } catch let error as CIMError {
                    return error.status
                }
            }
        }

        private static let everything = """
            class T_Leaf { char16 Letter; sint8 Level; T_Leaf Inner; };
            [abstract, Description("top") : ToSubclass] class T_Top { [key, MaxLen(32)] string Name; };
            [Values{"a", "b"}, Since("x"), Letter('c')]
            class T_Every : T_Top
            {
                sint8 Small[3] = {-1, 0}; datetime Born = "20260101000000.000000+000"; real32 Part = 0.1; char16 Mark = 'm';
                T_Leaf Leaf = instance of T_Leaf { Letter = 'x'; Level = NULL; }; T_Top ref Other = "T_Every.Name=\\\"a\\\"";
                [static] uint32 Do([in] string What[], [out] T_Leaf Made);
            };
            class T_Below : T_Every { uint8 More; };
            """

        @Test("A.4, H: a class that was compiled, put back and read again is the same; the cache follows")
        func life() async throws {
            let (bus, broker, session) = try await open()
            try await session.compileMOF(Self.everything).get()
            let deep = try await soon { try await session.enumerateClasses(of: "t_top").reduce(into: []) { $0.append($1) } }
            #expect(deep.map(\.name).sorted() == ["T_Below", "T_Every"])
            let children = try await soon {
                try await session.enumerateClasses(of: "T_Top", deep: false).reduce(into: []) { $0.append($1.name) }
            }
            #expect(children == ["T_Every"])
            let read = try await session.getClass("T_Every")
            #expect(deep.first { $0.name == "T_Every" } == read)
            #expect(read.qualifier(named: "Letter")?.value == .char16(0x63))
            #expect(read.property(named: "Leaf")?.defaultValue.objectValue?["Letter"] == .char16(0x78))

            try await session.deleteClass("T_Below")
            try await session.putClass(read, mode: .updateOnly)
            #expect(try await session.getClass("T_Every") == read)
            #expect(try await status { try await session.putClass(read, mode: .createOnly) } == .alreadyExists)

            var wider = read
            wider.properties.append(CIMProperty(name: "New", type: CIMTypeReference(.uint8), defaultValue: .uint8(7)))
            try await session.beginPutClass(wider).value
            #expect(try await session.getClass("T_Every").property(named: "New")?.defaultValue == .uint8(7))
            let deletion = try await session.openDeleteClass("T_Every")
            _ = try await soon { try await deletion.value(timeout: nil) }
            #expect(try await status { try await session.getClass("T_Every") } == .notFound)
            #expect(try await status { try await session.deleteClass("T_Every") } == .invalidClass)
            withExtendedLifetime((bus, broker)) {}
        }

        @Test(
            "W27, R48, R49: a session reads classes in its language or in another, and writes them back as they were; instances keep their qualifiers"
        )
        func localized() async throws {
            let (bus, broker, session) = try await open()
            try await session.compileMOF("[Description(\"neutral\")] class T_A { [key] string Name; uint8 B; };").get()
            for (locale, word) in [("MS_407", "deutsch"), ("MS_409", "English")] {
                let text =
                    "#pragma amendment(\"\(locale)\")\n[Description(\"\(word)\") : Amended] class T_A { [key] string Name; uint8 B; };"
                // Put, the neutral part would lose its own description.
                let said = "\(text)\n[Description(\"neutral\")] class T_A { [key] string Name; uint8 B; };"
                try await session.compileMOF(said).get()
            }
            let speaking = try await Session.connect(to: .address(bus.address), locale: CIMLocale("de_DE"), logger: quiet)
            let plain = try await session.getClass("T_A")
            func word(_ declaration: CIMClass) -> String? { declaration.qualifier(named: "Description")?.value.stringValue }
            #expect(word(plain) == "neutral")
            #expect(word(try await speaking.getClass("T_A", options: OperationOptions())) == "neutral")
            let flag = OperationOptions(flags: .useAmendedQualifiers)
            let german = try await speaking.getClass("T_A", options: flag)
            #expect(word(german) == "deutsch" && german.qualifiers[0].isAmended)
            let english = OperationOptions(locale: .english, flags: .useAmendedQualifiers)
            #expect(word(try await speaking.getClass("T_A", options: english)) == "English")
            #expect(word(try await speaking.session(for: .cimv2).getClass("T_A", options: flag)) == "deutsch")
            // What is kept of classes has nothing localized in it.
            #expect(word(try await speaking.getClass("T_A")) == "neutral")
            try await speaking.putClass(german, options: flag)
            #expect(try await session.getClass("T_A", refreshing: true) == plain)
            #expect(try await status { try await session.getClass("T_None", options: flag) } == .notFound)

            var instance = CIMInstance(className: "T_A", ["Name": "x", "B": .uint8(1)])
            instance.qualifiers = [
                CIMQualifier(name: "Owner", value: "me"), CIMQualifier(name: "Note", value: .sint8(1), flavor: [.amended]),
            ]
            instance.propertyQualifiers = [.init(name: "B", qualifiers: [CIMQualifier(name: "Unit", value: "kg")])]
            let path = try await session.putInstance(instance)
            var read = try await session.getInstance(at: path)
            #expect(read.qualifiers == instance.qualifiers && read.propertyQualifiers == instance.propertyQualifiers)
            let all = try await soon { try await session.enumerateInstances(of: "T_A").reduce(into: []) { $0.append($1) } }
            #expect(all == [read])
            read["B"] = .uint8(2)
            try await session.putInstance(read, options: flag)
            let again = try await session.getInstance(at: path)
            #expect(
                again["B"] == .uint8(2) && again.qualifiers.map(\.name) == ["Owner"] && again.propertyQualifiers == read.propertyQualifiers)
            withExtendedLifetime((bus, broker)) {}
        }

        @Test("A.2.5: a text that fails changes nothing, and says where")
        func compile() async throws {
            let (bus, broker, session) = try await open()
            let orphan = try await session.compileMOF("class T_A {};\n\nclass T_B : T_Nowhere {};")
            #expect(orphan.failure?.phase == .store)
            #expect(orphan.failure?.declaration == 2)
            #expect(orphan.failure?.firstLine == 3)
            #expect(try await status { try await session.getClass("T_A") } == .notFound)
            let broken = try await session.compileMOF("class T_A {};\nklass")
            #expect(broken.failure?.phase == .syntax)
            #expect(broken.failure?.firstLine == 2)
            let checked = try await session.compileMOF("class T_A {};", options: MOFCompilationOptions(checkOnly: true))
            #expect(checked.failure == nil)
            #expect(try await status { try await session.getClass("T_A") } == .notFound)
            let again = MOFCompilationOptions(classFlags: .createOnly)
            try await session.compileMOF("class T_A {};", options: again).get()
            #expect(try await session.compileMOF("class T_A {};", options: again).failure?.status == .alreadyExists)
            withExtendedLifetime((bus, broker)) {}
        }

        @Test("D: a namespace is made in its parent, holds its own classes, and goes with them")
        func namespaces() async throws {
            let (bus, broker, session) = try await open()
            let name = try #require(CIMNamespaceName("root/cimv2/inner"))
            try await session.createNamespace(name)
            #expect(try await session.namespaces().contains(name))
            #expect(try await status { try await session.createNamespace(name) } == .alreadyExists)
            try await session.compileMOF("class T_A {};", namespace: name).get()
            let inner = session.session(for: name)
            #expect(try await inner.getClass("T_A").name == "T_A")
            #expect(try await status { try await session.getClass("T_A") } == .notFound)
            try await session.deleteNamespace(name)
            #expect(try await !session.namespaces().contains(name))
            #expect(try await status { try await inner.getClass("T_A") } == .invalidNamespace)
            let orphan = try #require(CIMNamespaceName("root/nowhere/inner"))
            #expect(try await status { try await session.createNamespace(orphan) } == .invalidNamespace)
            withExtendedLifetime((bus, broker)) {}
        }
    }
}
