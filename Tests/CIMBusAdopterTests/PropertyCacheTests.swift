import CIMAdoption
import DBus
import Testing

@testable import CIMBusAdopter

@Suite("The cache of properties, as a value") struct PropertyCacheTests {
    private let path = ObjectPath(verified: "/a")
    private let interface = InterfaceName(verified: "org.example.A")

    private func value(_ number: UInt32, bytes: Int = 8) -> PropertyCache.Value { .init(value: .uint32(number), bytes: bytes) }

    private func described() -> PropertyCache {
        var cache = PropertyCache()
        cache.describe(InterfaceDescription(interface, properties: [.init(MemberName(verified: "P"), Signature(verified: "u"))]))
        return cache
    }

    @Test("A reply to a question that was asked before a signal is not kept: the signal may be newer") func race() {
        var cache = described()
        let early = cache.ticket(for: path)
        cache.changed(path, interface, ["P": value(2)], invalidated: [])
        cache.keep(["P": value(1)], path, interface, early)
        #expect(cache.found(path, interface, ["P"]) == nil)
        let late = cache.ticket(for: path)
        cache.keep(["P": value(2)], path, interface, late)
        #expect(cache.found(path, interface, ["P"])?.values["P"]?.value == .uint32(2))
        let again = cache.ticket(for: nil)
        cache.removed(path, [interface], by: .root)
        cache.keep([path: [interface: .init(values: ["P": value(3)])]], of: .root, again)
        #expect(cache.found(path, interface, ["P"]) == nil)
    }

    @Test("Nothing is found of an interface of which nobody has said what changes silently") func undescribed() {
        var cache = PropertyCache()
        cache.keep(["P": value(1)], path, interface, cache.ticket(for: path))
        #expect(cache.found(path, interface, ["P"]) == nil)
    }

    @Test("What is kept has a bound, by objects and by bytes, whatever signals bring") func bounds() {
        var cache = described()
        for number in 0..<(PropertyCache.mostObjects + 10) {
            let path = ObjectPath(verified: "/o\(number)")
            cache.keep(["P": value(1)], path, interface, cache.ticket(for: path))
            #expect(cache.objectCount <= PropertyCache.mostObjects)
        }
        cache = described()
        let part = PropertyCache.mostBytes / 4
        for number in 0..<10 {
            let path = ObjectPath(verified: "/o\(number)")
            cache.keep(["P": value(1, bytes: part)], path, interface, cache.ticket(for: path))
            #expect(cache.bytes <= PropertyCache.mostBytes)
        }
        cache = described()
        cache.keep(["P": value(1)], path, interface, cache.ticket(for: path))
        for number in 0..<1000 {
            cache.changed(path, interface, ["P": value(1), "Q\(number)": value(1, bytes: part)], invalidated: [])
            #expect(cache.bytes <= PropertyCache.mostBytes)
        }
    }

    @Test("Bytes are counted back to nothing when objects go") func bytes() {
        var cache = described()
        cache.keep([path: [interface: .init(values: ["P": value(1, bytes: 100)])]], of: .root, cache.ticket(for: nil))
        cache.changed(path, interface, ["P": value(1, bytes: 50)], invalidated: [])
        #expect(cache.bytes == 51)
        #expect(cache.objects(of: .root, having: [interface], [:]) == [path])
        cache.removed(path, [interface], by: .root)
        #expect(cache.bytes == 0)
        #expect(cache.objects(of: .root, having: [interface], [:]) == [])
    }
}
