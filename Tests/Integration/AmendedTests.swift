import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

extension Integration {
    /// Localized qualifiers of classes.
    @Suite struct AmendedTests {
        private static let useAmended: Int32 = 0x20000

        private static let neutral = """
            [Description("neutral") : ToSubclass] class Test_Base {
                [key, Description("neutral key") : ToSubclass] string Name;
                [implemented] uint32 Do([in, Description("neutral in") : ToSubclass] string What);
            };
            class Test_Derived : Test_Base { [Values{"1", "2"}] uint32 State; };
            class Test_Silent : Test_Derived { };
            class Test_Other { [key] uint32 Number; };
            """

        /// A file as WMI's localization kit makes them.
        private static func mfl(_ number: String, _ word: String) -> String {
            """
            #pragma classflags("forceupdate")
            #pragma namespace("\\\\\\\\.\\\\root\\\\cimv2")
            instance of __namespace { name = "ms_\(number)"; };
            #pragma namespace("\\\\\\\\.\\\\root\\\\cimv2\\\\ms_\(number)")
            [Description("\(word) base") : Amended ToSubclass, AMENDMENT, LOCALE("0x\(number)")]
            class Test_Base {
                [key, Description("\(word) key") : Amended ToSubclass] string Name;
                [Description("\(word) do") : Amended ToSubclass] uint32 Do([in, Description("\(word) in") : Amended ToSubclass] string What);
            };
            [AMENDMENT, LOCALE("0x\(number)")] class Test_Derived : Test_Base {
                [Values{"\(word) 1", "\(word) 2"} : Amended ToSubclass] uint32 State;
                [Description("\(word) no such") : Amended] string Gone;
            };
            """
        }

        private func start() async throws -> Scene {
            let scene = try await Scene.start()
            try await scene.client.mustCompile(Self.neutral)
            try await scene.client.mustCompile(Self.mfl("409", "English"))
            try await scene.client.mustCompile(Self.mfl("407", "deutsch"))
            return scene
        }

        private func read(
            _ scene: Scene, _ name: String, _ form: CallForm = .sync, locale: String? = nil, flags: Int32 = Self.useAmended
        ) async throws -> CIMClass {
            let context: [(String, DBusValue)] = locale.map { [("__LOCALE", .string($0))] } ?? []
            let result = try await scene.client.run(.get(name), form, flags: flags, context: context)
            return try CIMClass(wire: try #require(result.objects.first, "\(result.message)"))
        }

        private func words(_ declaration: CIMClass) -> [String?] {
            let method = declaration.method(named: "Do")
            return [
                declaration.qualifier(named: "Description"), declaration.property(named: "Name")?.qualifier(named: "Description"),
                method?.qualifier(named: "Description"), method?.parameters.first?.qualifier(named: "Description"),
            ].map { $0?.value.stringValue }
        }

        @Test("W27: with USE_AMENDED_QUALIFIERS GetObject of a class merges what the caller's language says", arguments: CallForm.allCases)
        func get(form: CallForm) async throws {
            let scene = try await start()
            let plain = try await read(scene, "Test_Base", form, flags: 0)
            #expect(words(plain) == ["neutral", "neutral key", nil, "neutral in"])
            for (locale, word) in [
                ("MS_407", "deutsch"), ("ms_409", "English"), ("de_AT.UTF-8", "deutsch"), ("en-US", "English"), ("fr_FR", "English"),
                ("C", "English"), (nil, "English"),
            ] {
                let base = try await read(scene, "Test_Base", form, locale: locale)
                #expect(words(base) == ["base", "key", "do", "in"].map { "\(word) \($0)" }, "\(locale ?? "none")")
                #expect(base.qualifiers.map(\.name) == ["Description"] && base.qualifiers[0].isAmended)
                #expect(base.property(named: "Name")?.isKey == true)
                // A subclass inherits the text, and has what is said of itself; what the class lacks is not added.
                let silent = try await read(scene, "Test_Silent", form, locale: locale)
                #expect(words(silent) == ["base", "key", "do", "in"].map { "\(word) \($0)" })
                #expect(silent.property(named: "State")?.qualifier(named: "Values")?.value == .strings(["\(word) 1", "\(word) 2"]))
                #expect(silent.properties.map(\.name) == ["Name", "State"] && silent.properties[1].origin == "Test_Derived")
                #expect(silent.qualifiers[0].flavor.contains(.originPropagated))
            }
            // Nothing is said of this one, and the namespace of a language is like any other.
            #expect(try await read(scene, "Test_Other", form) == (try await read(scene, "Test_Other", form, flags: 0)))
            #expect(try await scene.client.brokerNamespaces() == ["root", "root/cimv2", "root/cimv2/ms_407", "root/cimv2/ms_409"])
            try await expectQuiet(scene)
        }

        @Test("W27: CreateClassEnum, meta_class and ASSOCIATORS' classes are merged alike", arguments: CallForm.allCases)
        func enumerations(form: CallForm) async throws {
            let scene = try await start()
            try await scene.client.mustCompile("[association] class Test_Link { [key] Test_Base ref A; [key] Test_Other ref B; };")
            let operations: [RawOperation] = [
                .classes("Test_Base"), .query("SELECT * FROM meta_class WHERE __this ISA 'Test_Base'"),
                .query("ASSOCIATORS OF {Test_Other} WHERE SchemaOnly"),
            ]
            for operation in operations {
                for (flags, word) in [(Self.useAmended, "deutsch key"), (0, "neutral key")] {
                    let result = try await scene.client.run(operation, form, flags: flags, context: [("__LOCALE", .string("MS_407"))])
                    #expect(result.status == .noError && !result.objects.isEmpty, "\(operation): \(result.message)")
                    for declaration in try result.objects.map({ try CIMClass(wire: $0) }) {
                        #expect(declaration.property(named: "Name")?.qualifier(named: "Description")?.value == .string(word))
                    }
                }
            }
            try await expectQuiet(scene)
        }

        @Test("W27: class by class a language that has it comes first, then English, then what all languages have")
        func fallbacks() async throws {
            let scene = try await start()
            try await scene.client.mustCompile("#pragma namespace(\"root/cimv2/ms_407\")\n#pragma deleteclass(\"Test_Derived\", FAIL)")
            let derived = try await read(scene, "Test_Derived", locale: "de_CH")
            #expect(words(derived) == ["deutsch base", "deutsch key", "deutsch do", "deutsch in"])
            #expect(derived.property(named: "State")?.qualifier(named: "Values")?.value == .strings(["English 1", "English 2"]))
            // With the class its amendments stay; it is merged again when it is there again.
            #expect(try await scene.client.run(.deleteClass("Test_Base")).status == .noError)
            try await scene.client.mustCompile(Self.neutral)
            #expect(words(try await read(scene, "Test_Base", locale: "de_DE"))[0] == "deutsch base")
            #expect(try await scene.client.run(.delete("__NAMESPACE.Name=\"ms_409\""), namespace: RawClient.cimv2).status == .noError)
            #expect(try await scene.client.run(.delete("__NAMESPACE.Name=\"ms_407\""), namespace: RawClient.cimv2).status == .noError)
            #expect(words(try await read(scene, "Test_Base", locale: "de_DE"))[0] == "neutral")
            try await expectQuiet(scene)
        }

        @Test("W27: a locale that is none is InvalidContext; providers see the caller's")
        func locales() async throws {
            let scene = try await start()
            for value: DBusValue in [.string("MS_"), .string("de/DE"), .string(""), .uint32(0x409)] {
                let result = try await scene.client.run(.get("Test_Base"), context: [("__LOCALE", value)])
                #expect(result.status == .invalidContext && result.message.contains("MS_409"), "\(result.message)")
            }
            let provider = try await scene.provider()
            let context: [(String, DBusValue)] = [("__LOCALE", .string("MS_407"))]
            #expect(try await scene.client.run(.get(thing("thing0")), flags: Self.useAmended, context: context).status == .noError)
            #expect(provider.calls.all.last?.context["__LOCALE"]?.text == "MS_407")
            try await expectQuiet(scene)
        }

        @Test("W27 R48: a class that is read with the flag, and put or compiled with it, is the class that it was")
        func putBack() async throws {
            let scene = try await start()
            let client = scene.client
            for name in ["Test_Base", "Test_Derived", "Test_Silent"] {
                let before = try await read(scene, name, flags: 0)
                let localized = try await read(scene, name)
                #expect(localized != before)
                let put = try await client.run(.putClass(try localized.wire), flags: Self.useAmended | 1)
                #expect(put.status == .noError, "\(put.message)")
                #expect(try await read(scene, name, flags: 0) == before)
            }
            let before = try await read(scene, "Test_Derived", flags: 0)
            let text = "class Test_Derived : Test_Base { [Values{\"x\"} : Amended] uint32 State; };"
            let compiled = try await client.compile(text, classFlags: Self.useAmended)
            #expect(compiled.status == .noError, "\(compiled.message)")
            #expect(try await read(scene, "Test_Derived", flags: 0) == before)
            // Without the flag it is not localized, and all of it is stored.
            try await client.mustCompile(text)
            let stored = try await read(scene, "Test_Derived", flags: 0).property(named: "State")?.qualifier(named: "Values")
            #expect(stored == CIMQualifier(name: "Values", value: .strings(["x"]), flavor: [.amended]))
            try await expectQuiet(scene)
        }

        @Test("W27: #pragma amendment takes a text apart: what is localized goes to its language, the rest to the class")
        func pragma() async throws {
            let scene = try await Scene.start()
            try await scene.client.mustCompile(
                """
                #pragma amendment("MS_407")
                [Description("Klasse") : Amended ToSubclass] class Test_Base {
                    [key, Description("Schlüssel") : Amended ToSubclass] string Name;
                    Test_Base ref Other;
                };
                class Test_Derived : Test_Base { [Description("Bezug") : Amended] Test_Base ref Other; };
                """)
            let plain = try await read(scene, "Test_Derived", flags: 0)
            #expect(plain.qualifiers.isEmpty && plain.properties.map { $0.qualifiers.map(\.name) } == [["key"], []])
            let derived = try await read(scene, "Test_Derived", locale: "de_DE")
            #expect(words(derived)[..<2] == ["Klasse", "Schlüssel"])
            #expect(derived.property(named: "Other")?.qualifier(named: "Description")?.value == "Bezug")
            #expect(try await read(scene, "Test_Derived", locale: "en_US") == plain)
            try await expectQuiet(scene)
        }

        @Test(
            "W27 D.9.1: a provider may amend its own classes, where the namespace of the language is there, and no others",
            .enabled(if: getuid() == 0))
        func providers() async throws {
            let bus = try await PrivateBus.start(allUsers: true)
            let scene = try await Scene.start(options: ["--allow-register", "Mine=65534"], bus: bus)
            try await scene.client.mustCompile("class Test_Theirs { [key] string Name; };")
            func register(_ mof: String) async throws -> String {
                let own = "[dynamic, provider(\"Mine\")] class Test_Mine { [key] string Name; };\n"
                return try await bus.callAsStranger(
                    Contract.rootPath, Contract.registrar,
                    ["Register", "ia{sv}sssso", "0", "1", "MOF", "s", own + mof, "", "", "", "Mine", "/x"])
            }
            func amendment(_ name: String, _ word: String) -> String {
                "instance of __NAMESPACE { Name = \"ms_407\"; };\n#pragma namespace(\"root/cimv2/ms_407\")\n"
                    + "[AMENDMENT, Description(\"\(word)\") : Amended] class \(name) { };"
            }
            #expect(try await register(amendment("Test_Mine", "x")).contains("0x80041003"))
            try await scene.client.mustCompile("instance of __NAMESPACE { Name = \"ms_407\"; };")
            #expect(try await register(amendment("Test_Theirs", "x")).contains("0x80041003"))
            for word in ["mein", "meins"] {
                let accepted = try await register(amendment("Test_Mine", word))
                #expect(accepted.hasPrefix("o "), "\(accepted)")
                #expect(words(try await read(scene, "Test_Mine", locale: "de_DE"))[0] == word)
            }
            #expect(words(try await read(scene, "Test_Theirs", locale: "de_DE"))[0] == nil)
            try await expectQuiet(scene)
        }

        @Test("W27: an amendment needs no key, refers to what is not beside it, and has no instances")
        func amendmentRules() async throws {
            let scene = try await start()
            let client = scene.client
            try await client.mustCompile(
                """
                [AMENDMENT, association] class Test_Link { [Description("x") : Amended] Test_Nowhere ref A; };
                [AMENDMENT] class Test_More : Test_Link { [key] string Late; };
                """, in: "root/cimv2/ms_407")
            let german = Contract.path(of: try #require(CIMNamespaceName("root/cimv2/ms_407")))
            let put = RawOperation.put([("__CLASS", .string("Test_Base")), ("Name", .string("x"))])
            #expect(try await client.run(put, namespace: german).status == .invalidOperation)
            #expect(try await client.run(.enumerate("Test_Base"), namespace: german).objects.isEmpty)
            try await expectQuiet(scene)
        }
    }
}
