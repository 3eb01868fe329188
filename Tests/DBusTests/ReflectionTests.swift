import Testing
import WireTestKit

@testable import DBus

/// What `dump`, and a failed expectation, see of what one thread alone may touch.
@Suite struct ReflectionTests {
    @Test("of a connection reflection sees its parts, and into none that changes under it")
    func connection() async throws {
        let bus = try await PrivateBus.start()
        let connection = try await bus.connect()
        #expect(!Mirror(reflecting: connection).children.isEmpty)
        #expect(Mirror(reflecting: connection.link).children.isEmpty)
        #expect(Mirror(reflecting: connection.loop).children.isEmpty)
        #expect(Mirror(reflecting: PendingCall()).children.isEmpty)
        var text = ""
        dump(connection, to: &text)
        #expect(text.contains("DBus.Link"))
        await connection.close()
    }
}
