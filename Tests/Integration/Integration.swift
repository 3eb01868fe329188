import CIM
import DBus
import Testing
import WireTestKit

/// The whole, over real buses and real processes. One scene at a time: what is measured is not disturbed.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct Integration {}

/// `Test_Thing.Name="…"`.
func thing(_ name: String) -> String { "Test_Thing.Name=\"\(name)\"" }

/// A batch of `count` things whose texts have `bytes` bytes.
func batch(_ count: Int, from first: Int = 0, bytes: Int = 0) -> [[(String, DBusValue)]] {
    (first..<first + count).map { index in
        var thing = RawProvider.thing("Test_Thing", "n\(index)", UInt32(index))
        if bytes > 0 { thing.append(("Text", .string(String(repeating: "x", count: bytes)))) }
        return thing
    }
}

/// The closing assertions of every test: nothing open, nothing held, one end each, and the next call works.
func expectQuiet(
    _ scene: Scene, _ sinks: [RawSink?] = [], next: RawOperation? = nil, location: SourceLocation = #_sourceLocation
) async throws {
    let complaints = try await scene.complaints(sinks.compactMap(\.self))
    #expect(complaints.isEmpty, sourceLocation: location)
    guard let next else { return }
    for form in CallForm.allCases {
        let result = try await scene.client.run(next, form)
        #expect(result.status == .noError, "the next call, \(form): \(result.message)", sourceLocation: location)
    }
}
