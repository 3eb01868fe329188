import DBus
import Testing

@testable import CIMBusProvider

@Suite struct OpenCallsTests {
    private final class Call: ListedCall {
        let sink: ObjectPath
        var position = 0

        init(_ sink: String) { self.sink = ObjectPath(verified: sink) }
    }

    @Test("an open call is found by its sink until it is taken away, whichever was taken away before it")
    func find() {
        let all = (0..<4).map { Call("/sink/\($0)") }
        for first in all {
            for second in all {
                var calls = OpenCalls<Call>()
                for call in all { calls.insert(call) }
                // Twice: nothing happens the second time.
                for gone in [first, first, second] { calls.remove(gone) }
                for call in all {
                    let isThere = call !== first && call !== second
                    #expect((calls.call(of: call.sink) === call) == isThere)
                }
                for call in all { calls.remove(call) }
                #expect(calls.isEmpty)
            }
        }
    }
}
