import CIM
import CIMBusCore
import CIMBusWire
import DBus
import Testing

@testable import CIMBusBroker

/// The context of a call that was read last is kept for the next call, and means nothing to any other.
@Suite struct KnownContextTests {
    private func call(_ context: [(String, DBusValue)], _ known: inout ServicesCall.KnownContext) throws -> ServicesCall {
        var body = BodyWriter()
        body.append(string: "Test_Thing.Name=\"a\"")
        body.append(int32: 0)
        body.append(.dictionary(context))
        let bytes = try body.finish()
        return try ServicesCall(
            .getObject, .sync, .cimv2, bodySize: bytes.count, bytes.withUnsafeBytes { BodyReader(copying: $0) }, server: "here",
            known: &known)
    }

    @Test("a context of the same length as the one before is read by itself, and the same one once more means the same")
    func sameLength() throws {
        var known = ServicesCall.KnownContext()
        for (timeout, flag) in [(7, true), (9, false), (9, false), (7, true)] as [(UInt64, Bool)] {
            let context: [(String, DBusValue)] = [
                (ContextKey.timeout, .uint64(timeout)), (ContextKey.derivedSystemProperties, .boolean(flag)), ("Own", .uint64(timeout)),
            ]
            let call = try call(context, &known)
            #expect(call.timeout == Microseconds(timeout) && call.derivedSystemProperties == flag)
            #expect(call.context.map(\.0) == ["Own"] && call.context.first?.1 == .uint64(timeout))
        }
        let none = try call([], &known)
        #expect(none.timeout == nil && none.context.isEmpty && none.derivedSystemProperties)
    }

    @Test("what is wrong with a context is said each time, and does not stay")
    func wrong() throws {
        var known = ServicesCall.KnownContext()
        _ = try call([(ContextKey.timeout, .uint64(5))], &known)
        for _ in 0..<2 {
            #expect(throws: CIMError.self) { _ = try call([(ContextKey.timeout, .uint64(0))], &known) }
        }
        let right = try call([(ContextKey.timeout, .uint64(5))], &known)
        #expect(right.timeout == 5)
    }
}
