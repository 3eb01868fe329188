import CIM
import Testing

@testable import CIMBusClient

/// The client's end of an operation: L1 (one end), L9 (cancel), L13 (bounded), and the flow control of Design 3.
@Suite struct SinkStateTests {
    private let success = FinalStatus(status: .noError, parameter: "")

    @Test("L1: every object before the end, in order, and the end once and for all")
    func objectsBeforeTheEnd() {
        let state = End()
        #expect(state.take() == "-")
        #expect(state.indicated(1, bytes: 10))
        #expect(state.indicated(2, bytes: 10))
        #expect(state.finished(.failure(CIMError(.providerFailure, "gone"))))
        #expect(!state.finished(.success(success)))
        #expect(!state.indicated(3, bytes: 10))
        #expect([state.take(), state.take(), state.take(), state.take()] == ["1", "2", "ProviderFailure", "ProviderFailure"])
    }

    @Test("L9: a cancel discards what waits and is the one end; late news changes nothing")
    func cancel() {
        let state = End()
        #expect(state.indicated(1, bytes: 10))
        #expect(state.cancelled())
        #expect(!state.cancelled())
        #expect(!state.indicated(2, bytes: 10))
        #expect(!state.finished(.success(success)))
        #expect(state.isCancelled)
        #expect(state.take() == "CallCancelled")
    }

    @Test("L9: a cancel after the end is a silent no-op")
    func cancelAfterTheEnd() {
        let state = End()
        #expect(state.indicated(1, bytes: 10))
        #expect(state.finished(.success(success)))
        #expect(!state.cancelled())
        #expect(!state.isCancelled)
        #expect([state.take(), state.take()] == ["1", "end"])
    }

    @Test("L13: a broker that ignores the window ends the operation, after what it sent before")
    func flood() {
        let state = End()
        for number in 0..<SinkState<Int>.mostWaiting { #expect(state.indicated(number, bytes: 1)) }
        #expect(!state.indicated(99, bytes: 1))
        #expect(state.isOver)
        for number in 0..<SinkState<Int>.mostWaiting { #expect(state.take() == "\(number)") }
        #expect(state.take() == "TransportFailure")
    }

    @Test("Credit goes back four batches at a time while more wait")
    func creditInFours() {
        let state = End()
        let now = ContinuousClock.now
        for number in 0..<8 { #expect(state.indicated(number, bytes: 1000)) }
        var acknowledged: [UInt32?] = []
        for _ in 0..<8 {
            _ = state.take()
            acknowledged.append(state.creditToReturn(at: now))
        }
        #expect(acknowledged == [nil, nil, nil, 4, nil, nil, nil, 4])
        #expect(state.creditToReturn(at: now) == nil)
    }

    @Test("Credit goes back at once when nothing waits, when much was taken, and when the last is old")
    func creditAtOnce() {
        let now = ContinuousClock.now
        let alone = End()
        #expect(alone.indicated(1, bytes: 1))
        _ = alone.take()
        // The broker may be waiting to send one object larger than the window.
        #expect(alone.creditToReturn(at: now) == 1)

        let large = End()
        #expect(large.indicated(1, bytes: 600 << 10))
        #expect(large.indicated(2, bytes: 1))
        _ = large.take()
        #expect(large.creditToReturn(at: now) == 1)

        let slow = End()
        for number in 0..<8 { #expect(slow.indicated(number, bytes: 1)) }
        for _ in 0..<4 { _ = slow.take() }
        #expect(slow.creditToReturn(at: now) == 4)
        _ = slow.take()
        #expect(slow.creditToReturn(at: now) == nil)
        #expect(slow.creditToReturn(at: now + .seconds(1)) == 1)
    }

    @Test("R46: progress is unpacked, total in the high word")
    func progress() {
        #expect(OperationProgress(packed: 0x0064_0007, text: "") == OperationProgress(current: 7, total: 100))
        #expect(OperationProgress(packed: 0xFFFF_FFFF, text: "x") == OperationProgress(current: 0xFFFF, total: 0xFFFF, text: "x"))
    }

    @Test("Durations become microseconds, rounded up and saturating")
    func microseconds() {
        #expect(Duration.seconds(2).wholeMicroseconds == 2_000_000)
        #expect(Duration.nanoseconds(1).wholeMicroseconds == 1)
        #expect(Duration.seconds(-1).wholeMicroseconds == 0)
        #expect(Duration.seconds(Int64.max).wholeMicroseconds == .max)
    }

    @Test("P4: the provider's name and process are read from the extended status")
    func failureDetails() {
        let extended = CIMInstance(
            className: "CIMBus_ExtendedStatus",
            [
                "Description": "it left the bus", "ProviderName": "UnixProcessProvider", "ProviderProcessID": .uint32(4711),
                "ObjectsDelivered": .uint64(312),
            ])
        let error = CIMError(.providerFailure, object: extended)
        #expect(error.message == "it left the bus")
        #expect(error.providerName == "UnixProcessProvider")
        #expect(error.providerProcessID == 4711)
        #expect(error.objectsDelivered == 312)
        #expect(CIMError(.notFound, object: CIMInstance(className: "")).extendedStatus == nil)
    }
}

/// A state to send events to: an expectation cannot change a value.
private final class End {
    private var state = SinkState<Int>()

    var isOver: Bool { state.isOver }
    var isCancelled: Bool { state.isCancelled }

    func indicated(_ batch: Int, bytes: Int) -> Bool { state.indicated(batch, bytes: bytes) }
    func finished(_ ending: SinkState<Int>.Ending) -> Bool { state.finished(ending) }
    func cancelled() -> Bool { state.cancelled() }
    func creditToReturn(at now: ContinuousClock.Instant) -> UInt32? { state.creditToReturn(at: now) }

    func take() -> String {
        switch state.take() {
        case .batch(let number): "\(number)"
        case .ended(.success): "end"
        case .ended(.failure(let error)): error.status.errorName ?? "?"
        case .nothing: "-"
        }
    }
}
