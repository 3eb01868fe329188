import CIM
import CIMBusWire
import Testing

@testable import DBus

@Suite("Statuses as D-Bus errors")
struct StatusCodingTests {
    /// As the caller gets it.
    private func trip(_ error: CIMError) throws -> (name: String, error: CIMError) {
        let sent = DBusError(error)
        // DBUS_MESSAGE_TYPE_ERROR, in answer to a call that came: one made here has no serial yet.
        var header = MessageHeader(kind: 3)
        header.errorName = sent.name.text
        header.replySerial = 1
        let reply = try header.build([.string(sent.message)] + sent.details)
        return (reply.errorName ?? "", CIMError(DBusError(reply: reply)))
    }

    /// Every failure of WMI that has a name of its own.
    private static let named: [WBEMStatus] =
        ([0x8004_1000...0x8004_10FF, 0x8004_2000...0x8004_20FF, 0x8004_4000...0x8004_40FF] as [ClosedRange<UInt32>])
        .flatMap { $0.map { WBEMStatus(rawValue: $0) } }.filter { $0.errorName != nil }

    @Test("Every status with a name: the name is on the wire, the number in the text, and both come back")
    func everyName() throws {
        #expect(Self.named.count > 100)
        #expect(Set(Self.named.compactMap(\.errorName)).count == Self.named.count)
        for status in Self.named {
            let (name, error) = try trip(CIMError(status, "what, where"))
            #expect(name == "org.cimbus1.Error.\(status.errorName ?? "")")
            #expect(error.status == status)
            #expect(error.message == "what, where")
        }
    }

    @Test("A status without a name keeps its number")
    func unnamed() throws {
        for number in [0x8004_1FFF, 0x8007_0005, 0xFFFF_FFFF, 0x8000_0000] as [UInt32] {
            let (name, error) = try trip(CIMError(WBEMStatus(rawValue: number), "m"))
            #expect(name == "org.cimbus1.Error.Failed")
            #expect(error.status.rawValue == number)
        }
    }

    @Test("The extended status rides as the second argument")
    func extended() throws {
        let inner = CIMInstance(className: "E", ["deep": .array(of: .uint8, [.uint8(1)])])
        let status = CIMInstance(
            className: "CIMBus_ExtendedStatus", ["OperationID": .uint64(.max), "Description": "d", "Inner": .object(inner), "None": .null])
        let error = try trip(CIMError(.providerFailure, "m", extendedStatus: status)).error
        #expect(error.extendedStatus?.className == "CIMBus_ExtendedStatus")
        #expect(error.extendedStatus?["OperationID"] == .uint64(.max))
        #expect(error.extendedStatus?["Inner"] == .object(inner))
        #expect(error.extendedStatus?["None"] == nil)
    }

    @Test(
        "A peer's own text is taken as it is; an error is never a success",
        arguments: [
            ("NotFound", "0x80041003 denied", 0x8004_1003, "denied"), ("NotFound", "gone", 0x8004_1002, "gone"),
            ("NotFound", "0x00000000 fine", 0x8004_1002, "fine"), ("Nonsense", "0x00040004 late", 0x8004_1001, "late"),
            ("NotFound", "0xZZZZZZZZ hello", 0x8004_1002, "0xZZZZZZZZ hello"), ("NotFound", "0x8004 short", 0x8004_1002, "0x8004 short"),
            ("NotFound", "0x+0041003 sign", 0x8004_1002, "0x+0041003 sign"), ("NotFound", "0x80041003é", 0x8004_1002, "0x80041003é"),
            ("Nonsense", "", 0x8004_1001, "org.cimbus1.Error.Nonsense"),
            ("NotFound", "0x80041003", 0x8004_1003, "org.cimbus1.Error.NotFound"),
        ] as [(String, String, UInt32, String)])
    func foreignText(name: String, text: String, status: UInt32, message: String) {
        let error = CIMError(DBusError(ErrorName(verified: "org.cimbus1.Error." + name), text))
        #expect(error.status.rawValue == status)
        #expect(error.message == message)
    }

    @Test("R15: The transport's own failures become WMI's words for them; want of memory is OutOfMemory, a bound is QuotaViolation")
    func transport() {
        let replies: [(ErrorName, WBEMStatus)] = [
            (.unknownMethod, .providerNotCapable), (.unknownInterface, .providerNotCapable), (.accessDenied, .accessDenied),
            (.serviceUnknown, .transportFailure), (.noReply, .transportFailure), (.unknownObject, .notFound),
            (.invalidArguments, .invalidParameter), (.limitsExceeded, .quotaViolation), (.failed, .failed),
        ]
        for (name, status) in replies { #expect(CIMError(DBusError(name, "m")).status == status, "\(name)") }
        let codes: [(DBusError.Code, WBEMStatus)] = [
            (.timedOut, .timedOut), (.cancelled, .callCancelled), (.disconnected, .transportFailure), (.tooLarge, .quotaViolation),
            (.queueFull, .quotaViolation), (.outOfMemory, .outOfMemory), (.malformed, .marshalInvalidSignature),
            (.notSupported, .notSupported),
        ]
        for (code, status) in codes { #expect(CIMError(DBusError(code: code, "m")).status == status) }
        #expect(CIMError(DBusError(.failed, "0x00040001 not ours")).message == "0x00040001 not ours")
    }
}
