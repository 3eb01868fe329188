import CIM
import CIMBusWire
import DBus
import Testing
import WireTestKit

extension Integration {
    /// PutInstanceAsync and its other forms (Semantics C.1, K.3): what a client may rely on, whoever writes the instance.
    @Suite struct PutTests {
        static let mof = """
            class Test_Stored { [key] string Name; string A = "default"; };
            [abstract] class Test_Abstract { [key] string Name; };
            """

        static func object(_ className: String, _ name: String = "n", _ more: KeyValuePairs<String, String> = [:]) -> [(String, DBusValue)]
        {
            [("__CLASS", .string(className)), ("Name", .string(name))] + more.map { ($0.key, .string($0.value)) }
        }

        /// A put's provider: replies with what it was given, as one object of its class.
        static func echo(_ call: ProviderCall) {
            let values = call.input.filter { !$0.key.hasPrefix("__") }.map { ($0.key, $0.value) }
            call.reply(.noError, [[("__CLASS", .string(call.provider.className))] + values])
        }

        // MARK: - The asynchronous form

        @Test("R38: PutInstanceAsync returns before its provider has answered; then the instance is created, or updated")
        func asynchronously() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            for number: UInt32 in [1, 2] {
                let go = Event<Void>("the provider to write")
                provider.on("PutInstanceAsync") { call in
                    try await go.value()
                    call.provider.serveFromMemory(call)
                }
                let sink = scene.client.makeSink()
                let arguments = RawOperation.put(provider.thing("new", number)).arguments() + [.objectPath(sink.path)]
                // Its provider takes longer than this.
                let reply = try await scene.client.services("PutInstanceAsync", arguments, timeout: .seconds(5))
                guard case .objectPath? = reply.first else { throw ProcessError(description: "it answered with \(reply)") }
                #expect(sink.events.all.isEmpty)
                go.send(())
                let result = try await sink.result()
                #expect(result.status == .noError && result.parameter == thing("new"), "\(result.message)")
                #expect(try await scene.client.run(.get(thing("new"))).objects.map { $0["Number"] } == [.uint32(number)])
                try await expectQuiet(scene, [sink])
            }
        }

        @Test("R53: whoever knows how a put that was accepted ended, its sink is told, by one SetStatus, and nothing else")
        func everyEnd() async throws {
            let family = try await HierarchyTests.Family.start()
            let client = family.scene.client
            try await client.mustCompile(Self.mof)
            func expect(
                _ operation: RawOperation, flags: Int32 = 0, _ status: WBEMStatus, _ parameter: String = "",
                location: SourceLocation = #_sourceLocation
            ) async throws {
                let open = try await client.start(operation, .async, flags: flags)
                let result = try await open.result()
                #expect(result.status == status, "\(operation): \(result.message)", sourceLocation: location)
                if status.isSuccess { #expect(result.parameter == parameter, sourceLocation: location) }
                try await expectQuiet(family.scene, [open.sink], location: location)
                #expect(open.sink?.events.all.count == 1, sourceLocation: location)
            }
            let (one, several) = (RawOperation.put(Self.object("Test_A")), RawOperation.put(Self.object("Test_C")))
            // Providers.
            for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
            try await expect(one, .noError, "Test_A.Name=\"n\"")
            try await expect(several, .noError, "Test_C.Name=\"n\"")
            family.a.on("PutInstanceAsync") { $0.fail(.accessDenied, "no") }
            for operation in [one, several] { try await expect(operation, .accessDenied) }
            family.a.on("PutInstanceAsync") { call in
                call.reply(references: 1)
                try await call.sink.setStatus(.vetoPut)
                try await call.sink.release()
            }
            for operation in [one, several] { try await expect(operation, .vetoPut) }
            // The broker itself.
            try await expect(.put(Self.object("Test_Nothing")), .invalidClass)
            try await expect(.put(Self.object("Test_Abstract")), .invalidOperation)
            try await expect(.put(Self.object("Test_Stored")), .noError, "Test_Stored.Name=\"n\"")
            try await expect(.put(Self.object("Test_Stored")), flags: 2, .alreadyExists)
            await family.a.close()
            try await family.scene.waitForState("absent", of: family.a.registrationPath)
            for operation in [one, several] { try await expect(operation, .providerLoadFailure) }
        }

        @Test("R57: a put that is refused, whoever refuses it, leaves its sink as it was: free, or another operation's")
        func refusedSinks() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            let client = scene.client
            let put = RawOperation.put(provider.thing("thing0"))
            let sink = client.makeSink()
            func refuse() async throws {
                let refusals: [(RawOperation, Int32, [(String, DBusValue)], WBEMStatus)] = [
                    (.put([("Name", .string("x"))]), 0, [], .invalidObject), (put, 3, [], .invalidParameter),
                    (put, 0, [("__TIMEOUT_USEC", .uint64(0))], .invalidContext), (put, 0, [("__OPERATION", .uint64(999))], .invalidContext),
                ]
                for (operation, flags, context, status) in refusals {
                    let refusal = try await client.refusal {
                        _ = try await client.start(operation, .async, flags: flags, context: context, sink: sink)
                    }
                    #expect(refusal == status)
                }
            }
            try await refuse()
            provider.on("PutInstanceAsync") { $0.reply(references: 1) }
            let open = try await client.start(put, .async, sink: sink)
            let call = try #require(try await provider.calls.wait("the call") { !$0.isEmpty }.last)
            try await refuse()
            #expect(sink.events.all.isEmpty)
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
            #expect(try await open.result().status == .noError)
            try await expectQuiet(scene, [sink])
        }

        @Test("P1 R58: a put whose provider is silent ends for a local client, too, and its provider is told", arguments: CallForm.allCases)
        func silentProvider(form: CallForm) async throws {
            let family = try await HierarchyTests.Family.start(options: ["--silence", "0.3"])
            for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
            for (className, silent) in [("Test_A", family.a), ("Test_C", family.b)] {
                for script: RawProvider.Script in [{ $0.abandon() }, { $0.reply(references: 1) }] {
                    let before = silent.cancelled.all.count
                    silent.on("PutInstanceAsync", script)
                    let result = try await family.scene.client.run(.put(Self.object(className)), form)
                    #expect(result.status == .providerTimedOut && result.message.contains("was silent for 0.3 s"), "\(result.message)")
                    try await silent.cancelled.wait("the hint") { $0.count == before + 1 }
                }
                silent.on("PutInstanceAsync") { $0.reply() }
            }
            try await expectQuiet(family.scene)
        }

        // MARK: - What the client keeps

        @Test("R40: a put under way has its own instance, whatever the client makes of the object, and of its calls, meanwhile")
        func ownCopies() async throws {
            let family = try await HierarchyTests.Family.start()
            let client = family.scene.client
            // The client changes one object, and puts it again under the same key before the first put has gone on.
            var object = Self.object("Test_C", "n", ["FromA": "first", "FromB": "first"])
            for provider in family.all { provider.on("PutInstanceAsync", Self.echo) }
            let (goFirst, goSecond) = (Event<Void>("the first put to go on"), Event<Void>("the second put to go on"))
            for (provider, word, go) in [(family.a, "first", goFirst), (family.b, "second", goSecond)] {
                provider.on("PutInstanceAsync") { call in
                    if call.input["FromA"]?.text == word { try await go.value() }
                    Self.echo(call)
                }
            }
            let first = try await client.start(.put(object), .async)
            try await family.a.calls.wait("the first put") { $0.count == 1 }
            for index in object.indices.suffix(2) { object[index].1 = .string("second") }
            let second = try await client.start(.put(object), .async)
            try await family.b.calls.wait("the second put") { $0.count == 1 }
            goFirst.send(())
            let ends = [try await first.result()]
            goSecond.send(())
            for (result, word) in zip(ends + [try await second.result()], ["first", "second"]) {
                #expect(result.status == .noError && result.parameter == "Test_C.Name=\"n\"", "\(result.message)")
                #expect(result.objects.map { $0["__CLASS"]?.text } == ["Test_A", "Test_B", "Test_C"])
                #expect(result.objects.allSatisfy { $0["FromA"]?.text == word })
            }
            for (provider, words) in [(family.a, ["first", "second"]), (family.b, ["second", "first"]), (family.c, ["first", "second"])] {
                #expect(provider.calls.all.map { $0.input["FromA"]?.text } == words)
            }
            try await expectQuiet(family.scene, [first.sink, second.sink])
        }

        @Test("R40: a put that waits for its provider keeps its own instance, also where its client has left the object to the next put")
        func queuedCopies() async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            // No more than four calls of a provider are unanswered.
            let go = Event<Void>("the gets to end")
            provider.on("GetObjectAsync") { call in
                try await go.value()
                call.fail(.notFound, "too late")
            }
            var gets: [RawOpenOperation] = []
            for _ in 0..<4 { gets.append(try await scene.client.start(.get(thing("x")), .async)) }
            try await provider.calls.wait("the gets") { $0.count == 4 }
            var object = provider.thing("thing9")
            var puts: [RawOpenOperation] = []
            for (number, form) in [CallForm.async, .semisync, .async].enumerated() {
                object[2].1 = .uint32(UInt32(number))
                puts.append(try await scene.client.start(.put(object), form))
            }
            #expect(provider.calls.all.count == 4)
            go.send(())
            for put in puts { #expect(try await put.result().status == .noError) }
            for get in gets { #expect(try await get.result().status == .notFound) }
            let written = provider.calls.all.filter { $0.method == "PutInstanceAsync" }
            #expect(written.map { $0.input["Number"] } == [.uint32(0), .uint32(1), .uint32(2)])
            try await expectQuiet(scene, puts.map(\.sink) + gets.map(\.sink))
        }

        // MARK: - Flags

        @Test("R41 R42: with CREATE_OR_UPDATE a put creates what is not there, and overwrites what is", arguments: CallForm.allCases)
        func createOrUpdate(form: CallForm) async throws {
            let scene = try await Scene.start()
            let provider = try await scene.provider()
            try await scene.client.mustCompile(Self.mof)
            func put(_ className: String, _ property: String, _ value: DBusValue) async throws -> [DBusValue?] {
                let result = try await scene.client.run(.put(Self.object(className) + [(property, value)]), form)
                #expect(result.status == .noError && result.parameter == "\(className).Name=\"n\"", "\(result.message)")
                return try await scene.client.run(.get(result.parameter), form).objects.map { $0[property] }
            }
            for number: UInt32 in [1, 2] { #expect(try await put("Test_Thing", "Number", .uint32(number)) == [.uint32(number)]) }
            for word in ["a", "b"] { #expect(try await put("Test_Stored", "A", .string(word)) == [.string(word)]) }
            #expect(try await scene.client.run(.enumerate("Test_Stored"), form).objects.count == 1)
            #expect(provider.calls.all.allSatisfy { $0.flags == 0 })
            try await expectQuiet(scene)
        }

        @Test(
            "R43 R44: of a stored class UPDATE_ONLY needs the instance and CREATE_ONLY its absence, or the put fails and changes nothing",
            arguments: CallForm.allCases)
        func storedFlags(form: CallForm) async throws {
            let scene = try await Scene.start()
            try await scene.client.mustCompile(Self.mof)
            func put(_ word: String, _ flags: Int32) async throws -> WBEMStatus {
                try await scene.client.run(.put(Self.object("Test_Stored", "n", ["A": word])), form, flags: flags).status
            }
            func words() async throws -> [String?] { try await scene.client.run(.enumerate("Test_Stored")).objects.map { $0["A"]?.text } }
            #expect(try await put("a", 1) == .notFound)
            #expect(try await words() == [])
            #expect(try await put("b", 2) == .noError)
            #expect(try await put("c", 2) == .alreadyExists)
            #expect(try await words() == ["b"])
            #expect(try await put("d", 1) == .noError)
            #expect(try await words() == ["d"])
            try await expectQuiet(scene)
        }

        @Test("R45: a provider that does not support a flag says ProviderNotCapable, and so does the put", arguments: CallForm.allCases)
        func unsupportedFlag(form: CallForm) async throws {
            let family = try await HierarchyTests.Family.start()
            let client = family.scene.client
            let refusals: [RawProvider.Script] = [
                { $0.fail(.providerNotCapable, "no CREATE_ONLY here") }, { $0.reply(.providerNotCapable) },
                { call in
                    call.reply(references: 1)
                    try await call.sink.setStatus(.providerNotCapable)
                    try await call.sink.release()
                },
            ]
            for provider in family.all { provider.on("PutInstanceAsync") { $0.reply() } }
            for (className, provider) in [("Test_A", family.a), ("Test_C", family.a), ("Test_C", family.b), ("Test_C", family.c)] {
                for (index, refusal) in refusals.enumerated() {
                    provider.on("PutInstanceAsync") { if $0.flags == 2 { try await refusal($0) } else { $0.reply() } }
                    let refused = try await client.run(.put(Self.object(className)), form, flags: 2)
                    #expect(refused.status == .providerNotCapable, "\(className): \(refused.message)")
                    #expect(index > 0 || refused.message.contains("no CREATE_ONLY here"), "\(refused.message)")
                    #expect(try await client.run(.put(Self.object(className)), form).status == .noError)
                }
                provider.on("PutInstanceAsync") { $0.reply() }
            }
            try await expectQuiet(family.scene)
        }

        @Test("R47: SEND_STATUS changes nothing of a put that reports no progress")
        func withoutProgress() async throws {
            let family = try await HierarchyTests.Family.start()
            try await family.scene.client.mustCompile(Self.mof)
            for provider in family.all { provider.on("PutInstanceAsync", Self.echo) }
            for className in ["Test_A", "Test_C", "Test_Stored", "Test_Nothing"] {
                var seen: [[String]] = []
                for flags in [Int32(0), 0x80] {
                    let open = try await family.scene.client.start(.put(Self.object(className)), .async, flags: flags)
                    _ = try await open.result()
                    try await expectQuiet(family.scene, [open.sink])
                    seen.append(
                        (open.sink?.events.all ?? []).map { event in
                            switch event {
                            case .indicate(let objects): "\(objects.map { $0["__RELPATH"]?.text ?? "" })"
                            case .status(let flags, let hresult, let parameter, let object):
                                "\(flags) \(hresult) \(parameter) \(object["Description"]?.text ?? "")"
                            }
                        })
                }
                #expect(seen[0] == seen[1], "\(className)")
                #expect(seen[0].last?.hasPrefix("0 ") == true)
            }
        }
    }
}
