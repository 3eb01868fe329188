import CIM
import CIMBusCore
import Testing

@testable import CIMBusBroker

/// What is kept of operations that have ended, and of long ones.
@Suite struct FlightRecorderTests {
    private static func record(_ uid: UInt32) -> OperationRecord {
        OperationRecord(
            kind: .getObject, namespace: .cimv2, client: PeerID(1), caller: Caller(uid: uid), form: .sync, flags: [])
    }

    private static func fly(
        _ recorder: inout FlightRecorder, _ number: UInt64, _ uid: UInt32 = 7, _ status: WBEMStatus = .noError, at: Microseconds = 0
    ) {
        let id = OperationID(number)
        recorder.begin(id, record(uid), at: at)
        recorder.add([FlightStep(operation: id, part: nil, at: at, what: .ended(status, objects: 0))])
    }

    @Test("of a long operation the first and the last 24 steps are kept, in order, and how many were between them")
    func ring() throws {
        var recorder = FlightRecorder()
        let id = OperationID(1)
        recorder.begin(id, Self.record(7), at: 0)
        for moment in 1...100 as ClosedRange<Microseconds> {
            recorder.add([FlightStep(operation: id, part: nil, at: moment, what: .goesOn)])
        }
        let flight = try #require(recorder.flight(id, at: 100))
        #expect(flight.first.map(\.at) == Array(1...24) && flight.later.map(\.at) == Array(77...100) && flight.leftOut == 52)
    }

    @Test("a user's many operations push out that user's old ones, and neither the failed ones nor another user's")
    func shelves() {
        var recorder = FlightRecorder()
        Self.fly(&recorder, 1, 8)
        Self.fly(&recorder, 2, 7, .failed)
        for number in 3...2_000 as ClosedRange<UInt64> { Self.fly(&recorder, number) }
        #expect(recorder.flight(OperationID(1), at: 0) != nil && recorder.flight(OperationID(2), at: 0) != nil)
        #expect(recorder.flight(OperationID(3), at: 0) == nil)
        #expect((1_745...2_000).allSatisfy { recorder.flight(OperationID($0), at: 0) != nil })
    }

    @Test("more users than there are shelves push out the user whose last operation is longest ago")
    func users() {
        var recorder = FlightRecorder()
        for number in 1...100 as ClosedRange<UInt64> { Self.fly(&recorder, number, UInt32(number), at: Microseconds(number)) }
        #expect(recorder.flight(OperationID(36), at: 100) == nil && recorder.flight(OperationID(37), at: 100) != nil)
    }

    @Test("what ended more than 5 minutes ago is not told; what is open is, however old")
    func retention() {
        var recorder = FlightRecorder()
        Self.fly(&recorder, 1)
        recorder.begin(OperationID(2), Self.record(7), at: 0)
        #expect(recorder.flight(OperationID(1), at: .seconds(300)) != nil)
        #expect(recorder.flight(OperationID(1), at: .seconds(301)) == nil && recorder.flight(OperationID(2), at: .seconds(9_999)) != nil)
    }
}
