import CIMBusCore
import DBus
import Testing

@testable import CIMBusBroker

/// What keeps signals few.
@Suite struct AnnouncementsTests {
    private static func subject(_ number: UInt64) -> Announcements.Subject { .registration(RegistrationID(number)) }
    private static let running: [DBusValue?] = [.string("running")]
    private static let absent: [DBusValue?] = [.string("absent")]

    @Test("the first change is told at once, the next of the same object after a second, and one that was undone by then not at all")
    func coalesces() {
        var announcements = Announcements()
        #expect(announcements.tells(Self.running, of: Self.subject(1)) == true)
        let begins = [announcements.begins(), announcements.begins()]
        #expect(begins == [true, false])
        #expect(announcements.tells(Self.absent, of: Self.subject(1)) == false)
        #expect(announcements.tells(Self.running, of: Self.subject(1)) == false)
        #expect(announcements.second() == [Self.subject(1)])
        #expect(announcements.tells(Self.running, of: Self.subject(1)) == false)
        #expect(announcements.begins() == false, "nothing was told, and nothing waits")
        #expect(announcements.tells(Self.absent, of: Self.subject(1)) == true)
    }

    @Test("of all objects 64 are told in a second; the others follow in their order, and none is forgotten")
    func bounded() {
        var announcements = Announcements()
        let subjects = (1...200).map { Self.subject(UInt64($0)) }
        var told = subjects.filter { announcements.tells(Self.running, of: $0) }
        #expect(told == Array(subjects[..<64]))
        while announcements.begins() {
            let next = announcements.second()
            #expect(next.count <= 64)
            told += next.filter { announcements.tells(Self.running, of: $0) }
        }
        #expect(told == subjects)
    }

    @Test("an object that is gone is not asked for again")
    func forgets() {
        var announcements = Announcements()
        _ = announcements.tells(Self.running, of: Self.subject(1))
        _ = announcements.begins()
        _ = announcements.tells(Self.absent, of: Self.subject(1))
        announcements.forget(Self.subject(1))
        #expect(announcements.second().isEmpty)
    }
}
