import CIM
import Testing

@testable import CIMBusProvider

extension ProviderTests {
    /// What a source has posted and the broker has not taken: a value.
    @Suite struct EventOutboxTests {
        private func event(_ number: UInt32, bytes: Int = 0) -> CIMInstance {
            CIMInstance(className: "Test_Alarm", ["Level": .uint32(number), "Place": .string(String(repeating: "x", count: bytes))])
        }

        private func numbers(_ parcel: EventOutbox.Parcel?) -> [UInt64]? {
            guard case .events(let events)? = parcel else { return nil }
            return events.compactMap { $0["Level"]?.uint64Value }
        }

        @Test("EV62, EV67: events and losses come in their order; losses behind each other are one")
        func order() {
            var outbox = EventOutbox()
            outbox.appendLoss(3)
            outbox.append(event(1))
            outbox.append(event(2))
            outbox.appendLoss(4)
            outbox.appendLoss(5)
            outbox.append(event(3))
            #expect(outbox.next() == .loss(3))
            #expect(numbers(outbox.next()) == [1, 2])
            #expect(outbox.next() == .loss(9))
            #expect(numbers(outbox.next()) == [3])
            #expect(outbox.next() == nil && outbox.isEmpty && outbox.bytes == 0 && outbox.events == 0)
        }

        @Test("EV68: past 10,000 events, and past 16 MiB, the oldest are lost, and each is counted, with losses among them")
        func bounds() {
            var outbox = EventOutbox()
            outbox.append(event(0))
            outbox.appendLoss(7)
            for number in 1...UInt32(EventOutbox.mostEvents) + 4 { outbox.append(event(number)) }
            #expect(outbox.events == EventOutbox.mostEvents)
            #expect(outbox.next() == .loss(1 + 7 + 4))
            #expect(numbers(outbox.next())?.first == 5)
            var large = EventOutbox()
            for number in 0..<20 as Range<UInt32> { large.append(event(number, bytes: 1 << 20)) }
            #expect(large.bytes <= EventOutbox.mostBytes && large.events < 20)
            let lost = UInt64(20 - large.events)
            #expect(large.next() == .loss(lost))
            #expect(numbers(large.next()) == [lost])
            var huge = EventOutbox()
            huge.append(event(1, bytes: 17 << 20))
            #expect(huge.next() == .loss(1) && huge.next() == nil)
        }

        @Test("EV88: what waits goes together, at most 256 events")
        func batches() {
            var outbox = EventOutbox()
            for number in 0..<600 as Range<UInt32> { outbox.append(event(number)) }
            var sizes: [Int] = []
            while let parcel = outbox.next() { sizes.append(numbers(parcel)?.count ?? -1) }
            #expect(sizes == [256, 256, 88])
        }
    }
}
