import CIM
import CIMBusWire
import DBus
import Glibc
import Testing
import WireTestKit

/// What comes back from a method, and how it ends (Semantics C.5, K.4).
extension Integration.MethodTests {
    /// Takes its time: the answer keeps a reference, and the rest comes to the sink.
    private static func later(_ status: WBEMStatus, _ objects: Bool = true) -> RawProvider.Script {
        { call in
            call.reply(references: 1)
            if objects { try await call.sink.indicate(output(of: call)) }
            try await call.sink.setStatus(status)
            try await call.sink.release()
        }
    }

    @Test("R103: the out parameters come to the sink by one Indicate, whether their provider indicates them or answers with them")
    func indicated() async throws {
        let (scene, provider) = try await Self.start()
        let scripts: [RawProvider.Script] = [{ $0.reply(.noError, Self.output(of: $0)) }, Self.later(.noError)]
        for script in scripts {
            provider.on("ExecMethodAsync", script)
            let open = try await scene.client.start(Self.echo(), .async)
            #expect(try await open.result().status == .noError)
            try await expectQuiet(scene, [open.sink])
            #expect(Self.story(of: open.sink) == ["out ReturnValue=4, sOutArg=four", "final 0"])
            for form in [CallForm.sync, .semisync] {
                let objects = try await scene.client.run(Self.echo(), form).objects
                #expect(objects.map { Self.plain($0) } == [["ReturnValue": .uint32(4), "sOutArg": .string("four")]])
            }
        }
    }

    @Test("R104: the out object is an instance of __PARAMETERS, whatever its provider calls it", arguments: CallForm.allCases)
    func outObject(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        for said in [nil, "__PARAMETERS", "__Parameters", "Test_Machine"] {
            provider.on("ExecMethodAsync") { call in
                call.reply(.noError, [(said.map { [("__CLASS", .string($0))] } ?? []) + [("ReturnValue", .uint32(1))]])
            }
            let result = try await scene.client.run(.invoke("Test_Machine", "Count"), form)
            let object = try #require(result.objects.first, "\(result.message)")
            #expect(object["__CLASS"] == .string("__PARAMETERS") && object["__GENUS"] == .int32(2))
            #expect(object["__PROPERTY_COUNT"] == .int32(1))
        }
        try await expectQuiet(scene)
    }

    @Test(
        "R105: out parameters that a provider indicates before the final status are delivered before it", arguments: CallForm.allCases)
    func indicatedFirst(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        let go = Event<Void>("the out parameters to be there")
        provider.on("ExecMethodAsync") { call in
            call.reply(references: 1)
            try await call.sink.indicate(Self.output(of: call))
            try await go.value()
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
        }
        let open = try await scene.client.start(Self.echo(), form)
        try await open.sink?.events.wait("the out parameters") { !$0.isEmpty }
        #expect(open.sink?.finals ?? 0 == 0)
        go.send(())
        let result = try await open.result()
        #expect(result.status == .noError, "\(result.message)")
        #expect(result.objects.map { Self.plain($0) } == [["ReturnValue": .uint32(4), "sOutArg": .string("four")]])
        if form == .async { #expect(Self.story(of: open.sink) == ["out ReturnValue=4, sOutArg=four", "final 0"]) }
        try await expectQuiet(scene, [open.sink])
    }

    @Test("R107: what goes wrong after the call was accepted comes to its sink, by one final status that says what")
    func lateErrors() async throws {
        let (scene, provider) = try await Self.start()
        func expect(_ status: WBEMStatus, of operation: RawOperation, location: SourceLocation = #_sourceLocation) async throws {
            let open = try await scene.client.start(operation, .async)
            let result = try await open.result()
            #expect(result.status == status, "\(result.message)", sourceLocation: location)
            #expect(result.details["StatusCode"] == .uint32(status.rawValue), sourceLocation: location)
            #expect(!result.message.isEmpty, sourceLocation: location)
            try await expectQuiet(scene, [open.sink])
            #expect(Self.story(of: open.sink).count == 1, sourceLocation: location)
        }
        try await expect(.invalidMethod, of: .invoke(Self.machine, "Nothing"))
        try await expect(.methodNotImplemented, of: .invoke(Self.machine, "NotThere"))
        try await expect(.methodDisabled, of: .invoke(Self.machine, "Off"))
        try await expect(.invalidMethodParameters, of: Self.echo(of: "Test_Machine"))
        try await expect(.invalidObjectPath, of: Self.echo(of: "Test_Machine.Other=\"x\""))
        try await expect(.invalidClass, of: Self.echo(of: "Test_None.Name=\"x\""))
        #expect(provider.calls.all.isEmpty)
        let failures: [RawProvider.Script] = [
            { $0.fail(.privilegeNotHeld, "not you") }, { $0.reply(.privilegeNotHeld) }, Self.later(.privilegeNotHeld, false),
        ]
        for script in failures {
            provider.on("ExecMethodAsync", script)
            try await expect(.privilegeNotHeld, of: Self.echo())
        }
    }

    @Test(
        "R110: a method gives its answer and one object at most, in whichever way: a second object is its provider's failure",
        arguments: CallForm.allCases)
    func oneObject(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        let scripts: [RawProvider.Script] = [
            { $0.reply(.noError, Self.output(of: $0) + Self.output(of: $0)) },
            { call in
                try await call.sink.indicate(Self.output(of: call))
                call.reply(.noError, Self.output(of: call))
            },
            { call in
                call.reply(references: 1)
                try await call.sink.indicate(Self.output(of: call))
                try? await call.sink.indicate(Self.output(of: call))
                try? await call.sink.setStatus(.noError)
                _ = try? await call.sink.release()
            },
        ]
        for script in scripts {
            provider.on("ExecMethodAsync", script)
            let open = try await scene.client.start(Self.echo(), form)
            let result = try await open.result()
            #expect(result.status == .providerFailure)
            #expect(result.message.contains("more than one object"), "\(result.message)")
            #expect(open.sink?.objects.count ?? 0 <= 1)
            try await expectQuiet(scene, [open.sink])
        }
    }

    @Test(
        "R112: a method's own value is ReturnValue of the __PARAMETERS object, in its declared type; one that has none may give no object",
        arguments: CallForm.allCases)
    func returnValue(form: CallForm) async throws {
        let (scene, _) = try await Self.start()
        for (operation, value) in [
            (Self.echo("Hello"), DBusValue.uint32(5)), (.invoke("Test_Machine", "Mix", Self.mixed), .int16(-7)),
        ] {
            let result = try await scene.client.run(operation, form)
            #expect(result.objects.count == 1)
            #expect(result.objects.first?["ReturnValue"] == value, "\(result.message)")
        }
        let open = try await scene.client.start(.invoke("Test_Machine", "Reset"), form)
        let nothing = try await open.result()
        #expect(nothing.status == .noError && nothing.objects.allSatisfy(\.isEmpty))
        if form == .async { #expect(Self.story(of: open.sink) == ["final 0"]) }
        try await expectQuiet(scene, [open.sink])
    }

    @Test(
        "R113: out parameters are properties of that same object beside ReturnValue, those that went in too",
        arguments: CallForm.allCases)
    func outParameters(form: CallForm) async throws {
        let (scene, _) = try await Self.start()
        let result = try await scene.client.run(.invoke("Test_Machine", "Mix", Self.mixed), form)
        #expect(result.status == .noError, "\(result.message)")
        #expect(result.objects.count == 1)
        let numbers = DBusValue.array(element: Signature(verified: "n"), [.int16(-1), .int16(2)])
        #expect(Self.plain(result.objects.first) == ["Both": .boolean(false), "Numbers": numbers, "ReturnValue": .int16(-7)])
        try await expectQuiet(scene)
    }

    @Test(
        "R114: SetStatus marks the end of a method, its out parameters do not; where it fails the status may come alone",
        arguments: CallForm.allCases)
    func endOfMethod(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        let given = Event<Void>("the out parameters to be taken")
        let go = Event<Void>("the status")
        provider.on("ExecMethodAsync") { call in
            call.reply(references: 1)
            try await call.sink.indicate(Self.output(of: call))
            given.send(())
            try await go.value()
            try await call.sink.setStatus(.accessDenied)
            try await call.sink.release()
        }
        let open = try await scene.client.start(Self.echo(), form)
        try await given.value()
        #expect(try await scene.client.brokerProperty("OpenOperations") == 1)
        #expect(open.sink?.finals ?? 0 == 0)
        go.send(())
        #expect(try await open.result().status == .accessDenied)
        if form == .async { #expect(Self.story(of: open.sink) == ["out ReturnValue=4, sOutArg=four", "final 80041003 with an object"]) }
        provider.on("ExecMethodAsync", Self.later(.accessDenied, false))
        let alone = try await scene.client.start(Self.echo(), form)
        #expect(try await alone.result().status == .accessDenied)
        if form == .async { #expect(Self.story(of: alone.sink) == ["final 80041003 with an object"]) }
        try await expectQuiet(scene, [open.sink, alone.sink])
    }

    @Test("R115: the semisynchronous form of a method gives the same object as the others, and its provider sees the same caller")
    func semisynchronous() async throws {
        let (scene, provider) = try await Self.start()
        for form in CallForm.allCases {
            let result = try await scene.client.run(Self.echo("Hello"), form)
            #expect(result.status == .noError)
            #expect(result.objects.map { Self.plain($0) } == [["sOutArg": .string("Hello"), "ReturnValue": .uint32(5)]], "\(form)")
            let caller = try #require(provider.calls.all.last?.context)
            #expect(caller["__CLIENT_NAME"]?.text == scene.client.connection.uniqueName.text, "\(form)")
            #expect(caller["__CLIENT_UID"] == .uint32(getuid()) && caller["__ORIGIN_UID"] == .uint32(getuid()), "\(form)")
            #expect(caller["__CLIENT_PID"] == .uint32(UInt32(getpid())), "\(form)")
        }
        try await expectQuiet(scene)
    }

    @Test(
        "R116: the sample's Echo: one Indicate with sOutArg and its length, then SetStatus(0, NO_ERROR, NULL, NULL), before the call returns",
        arguments: CallForm.allCases)
    func sample(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        let refusals = Recorder<WBEMStatus>()
        provider.on("ExecMethodAsync") { call in
            do {
                try await call.sink.indicate(Self.output(of: call))
                try await call.sink.setStatus(.noError)
            } catch let error as DBusError { refusals.record(CIMError(error).status) }
            call.reply(.noError)
        }
        let open = try await scene.client.start(Self.echo("Hello, provider"), form)
        let result = try await open.result()
        #expect(refusals.all.isEmpty)
        #expect(result.status == .noError)
        #expect(result.objects.map { Self.plain($0) } == [["sOutArg": .string("Hello, provider"), "ReturnValue": .uint32(15)]])
        if form == .async { #expect(Self.story(of: open.sink) == ["out ReturnValue=15, sOutArg=Hello, provider", "final 0"]) }
        try await expectQuiet(scene, [open.sink])
    }

    @Test(
        "R117: what a provider asks during a method with the method's own context is nested in it, and carries its values",
        arguments: CallForm.allCases)
    func callsBack(form: CallForm) async throws {
        let (scene, outer) = try await Self.start()
        let inner = try await scene.provider("Inner", className: "Test_Inner")
        let seen = Recorder<WBEMStatus>()
        outer.on("ExecMethodAsync") { call in
            for operation in [
                RawOperation.get("Test_Inner"), .get("Test_Inner.Name=\"thing0\""), .invoke("Test_Inner", "Count"),
            ] {
                seen.record(try await Integration.NestedTests.nested(call, operation))
            }
            call.reply(.noError, Self.output(of: call))
        }
        #expect(try await scene.client.run(Self.echo(), form, context: [("Depth", .uint32(7))]).status == .noError)
        #expect(seen.all == [.noError, .noError, .noError])
        #expect(inner.calls.all.map(\.method) == ["GetObjectAsync", "ExecMethodAsync"])
        let operation = try #require(outer.calls.all.last).context["__OPERATION"]
        for call in inner.calls.all {
            #expect(call.context["__OPERATION"] != operation)
            #expect(call.context["Depth"] == .uint32(7))
            #expect(call.context["__CLIENT_NAME"]?.text == outer.connection.uniqueName.text)
            #expect(call.context["__ORIGIN_UID"] == .uint32(getuid()))
        }
        try await expectQuiet(scene)
    }

    @Test(
        "R118: the out object is of the class of the method's out parameters: with one that this lacks, or of another type, it is InvalidObject",
        arguments: CallForm.allCases)
    func outClass(form: CallForm) async throws {
        let (scene, provider) = try await Self.start()
        let wrong: [(String, DBusValue)] = [
            ("Nothing", .string("x")), ("sInArg", .string("x")), ("sOutArg", .uint32(1)), ("sOutArg", .strings(["x"])),
            ("ReturnValue", .string("x")),
        ]
        for entry in wrong {
            provider.on("ExecMethodAsync") { $0.reply(.noError, [Self.parameters(entry)]) }
            let open = try await scene.client.start(Self.echo(), form)
            let result = try await open.result()
            #expect(result.status == .invalidObject, "\(entry)")
            #expect(open.sink?.objects.isEmpty != false)
            try await expectQuiet(scene, [open.sink])
        }
        provider.on("ExecMethodAsync") { $0.reply(.noError, [Self.parameters(("soutarg", .string("x")), ("RETURNVALUE", .int64(1)))]) }
        let spelled = try await scene.client.run(Self.echo(), form)
        #expect(Self.plain(spelled.objects.first) == ["sOutArg": .string("x"), "ReturnValue": .uint32(1)], "\(spelled.message)")
    }
}
