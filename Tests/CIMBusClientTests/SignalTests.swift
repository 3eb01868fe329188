import Testing
import WireTestKit

@testable import CIMBusClient

/// What the callbacks of MI wait for.
@Suite(.timeLimit(.minutes(1)))
struct SignalTests {
    @Test("Whoever waits for a signal gets its first value: nobody who waits is forgotten for another who does")
    func everybodyHears() async throws {
        let signal = Signal<Int>()
        let begun = Recorder<Int>()
        let waiting = (0..<8).map { number in
            Task {
                begun.record(number)
                return await signal.value()
            }
        }
        try await begun.wait("all to wait") { $0.count == 8 }
        signal.send(1)
        signal.send(2)
        let values = try await withDeadline(.seconds(10), "all to hear") {
            var values: [Int] = []
            for task in waiting { values.append(await task.value) }
            return values
        }
        #expect(values == Array(repeating: 1, count: 8))
        #expect(await signal.value() == 1)
    }
}
