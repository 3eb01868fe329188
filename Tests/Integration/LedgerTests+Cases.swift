import CIM
import CIMBusTestKit
import CIMBusWire
import DBus
import Testing

/// What a provider may do with one call, and how the operation ends.
extension Integration.LedgerTests {
    struct Case: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var status: WBEMStatus
        var objects = 0
        var script: RawProvider.Script
    }

    static let cases: [Case] = [
        Case(testDescription: "L2 R87 the return code alone", status: .noError) { $0.reply() },
        Case(testDescription: "L2 objects in the reply", status: .noError, objects: 2) { $0.reply(.noError, references: 0, batch(2)) },
        Case(testDescription: "R86 an error result", status: .providerNotCapable) { $0.reply(.providerNotCapable) },
        Case(testDescription: "section 3 a D-Bus error of the contract", status: .privilegeNotHeld) { $0.fail(.privilegeNotHeld, "no") },
        Case(testDescription: "a status without a name", status: WBEMStatus(rawValue: 0x8007_0005)) {
            $0.reply(WBEMStatus(rawValue: 0x8007_0005))
        },
        Case(testDescription: "section 3 any other error", status: .providerFailure) {
            $0.call.fail(ErrorName(verified: "org.example.Trouble"), "broken")
        },
        Case(testDescription: "section 3 UnknownMethod", status: .providerNotCapable) { $0.call.fail(.unknownMethod, "no") },
        Case(testDescription: "section 3 a reply of another form", status: .providerFailure) { $0.call.reply([.uint32(0)]) },
        Case(testDescription: "SetStatus alone", status: .noError, objects: 1) { call in
            call.reply(references: 1)
            try await call.sink.indicate(batch(1))
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
        },
        Case(testDescription: "SetStatus wins over the return code", status: .failed) { call in
            try await call.sink.setStatus(.failed)
            call.reply(.noError)
        },
        Case(testDescription: "SetStatus wins over an error reply", status: .noError) { call in
            try await call.sink.setStatus(.noError)
            call.fail(.failed, "too late")
        },
        Case(testDescription: "L10 the first of two final statuses", status: .noError) { call in
            call.reply(references: 1)
            try await call.sink.setStatus(.noError)
            #expect(await refusal { try await call.sink.setStatus(.failed) } == .unexpected)
            #expect(await refusal { try await call.sink.indicate(batch(1)) } == .unexpected)
            try await call.sink.release()
        },
        Case(testDescription: "L5 released without a status", status: .providerFailure, objects: 1) { call in
            call.reply(references: 1)
            try await call.sink.indicate(batch(1))
            try await call.sink.release()
        },
        Case(testDescription: "L2 Release before the reply", status: .noError) { call in
            #expect(try await call.sink.release() == 0)
            try await call.sink.setStatus(.noError)
            call.reply(references: 1)
        },
        Case(testDescription: "L2 a sum below zero is zero", status: .noError) { call in
            try await call.sink.release()
            try await call.sink.release()
            call.reply(references: 1)
        },
        Case(testDescription: "L2 an error result drops what it holds", status: .notFound) { call in
            try await call.sink.addRef()
            try await call.sink.addRef()
            call.reply(.notFound, references: 5)
        },
        Case(testDescription: "L3 AddRef and Release count", status: .noError) { call in
            #expect(try await call.sink.addRef() == 1)
            call.reply()
            #expect(try await call.sink.addRef() == 2)
            #expect(try await call.sink.release() == 1)
            try await call.sink.setStatus(.noError)
            #expect(try await call.sink.release() == 0)
        },
        Case(testDescription: "L9 Release at an ended sink", status: .noError) { call in
            call.reply(references: 1)
            try await call.sink.setStatus(.noError)
            try await call.sink.release()
            #expect(await refusal { try await call.sink.release() } == .callCancelled)
            #expect(await refusal { try await call.sink.addRef() } == .callCancelled)
            #expect(await refusal { try await call.sink.indicate(batch(1)) } == .callCancelled)
            #expect(await refusal { try await call.sink.setStatus(.failed) } == .callCancelled)
        },
        Case(testDescription: "section 3 AddRef, SetStatus and Release without wanting a reply", status: .noError, objects: 1) { call in
            try call.sink.send(Contract.sinkReference, "AddRef", [])
            try await call.sink.indicate(batch(1))
            call.reply()
            try call.sink.send(Contract.objectSink, "SetStatus", [.int32(0), .uint32(0), .string(""), .dictionary([])])
            try call.sink.send(Contract.sinkReference, "Release", [])
        },
        Case(testDescription: "section 3 an object of no class", status: .invalidObject) { call in
            call.reply(.noError, references: 0, [[("Name", .string("x"))]])
        },
        Case(testDescription: "section 3 a misfit ends the leg", status: .invalidObject, objects: 1) { call in
            call.reply(references: 1)
            try await call.sink.indicate(batch(1))
            let misfit: [(String, DBusValue)] = [("__CLASS", .string("Test_Thing")), ("Nothing", .string("x"))]
            #expect(await refusal { try await call.sink.indicate([misfit]) } == .invalidObject)
            #expect(await refusal { try await call.sink.setStatus(.noError) } == .callCancelled)
        },
    ]
}
