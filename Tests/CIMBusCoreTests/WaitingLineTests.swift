import Testing

@testable import CIMBusCore

@Suite("Waiting lines")
struct WaitingLineTests {
    @Test("L13: a line is like a list, whoever joins, leaves and asks; its memory is that of those who wait", arguments: 1...20)
    func likeAList(_ seed: UInt64) {
        var state = seed
        func number(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        var line = WaitingLine<Int>()
        var list: [Int] = []
        for step in 0..<2_000 {
            let id = number(below: 40)
            // Lines grow for a while, then they get shorter.
            if number(below: 5) < (step / 200 % 2 == 0 ? 3 : 2) {
                let hasJoined = line.join(id)
                #expect(hasJoined == !list.contains(id))
                if !list.contains(id) { list.append(id) }
            } else {
                let leaving = number(below: 2) == 0 ? id : list.first ?? id
                let hasLeft = line.leave(leaving)
                #expect(hasLeft == list.contains(leaving))
                list.removeAll { $0 == leaving }
            }
            guard line.inOrder == list, line.first == list.first, line.count == list.count, line.isEmpty == list.isEmpty else {
                Issue.record("\(line.inOrder) is not \(list)")
                return
            }
            #expect(line.contains(id) == list.contains(id))
            #expect(line.capacity <= 2 * list.count + 17)
        }
    }

    @Test("L13: 2,000 that wait leave, in whatever order, with linear work", arguments: [1, 7, 1_999])
    func linear(_ stride: Int) {
        var line = WaitingLine<Int>()
        for id in 0..<2_000 { line.join(id) }
        // 1: from the first on; 1,999: from the last on; 7: here and there.
        for step in 0..<2_000 { line.leave(step * stride % 2_000) }
        #expect(line.isEmpty)
        #expect(line.moves <= 3 * 2_000, "\(line.moves) moves")
    }

    @Test("L13: one that stays while others join and leave behind it costs them nothing")
    func staying() {
        var line = WaitingLine<Int>()
        line.join(-1)
        for id in 0..<10_000 {
            line.join(id)
            line.leave(id)
        }
        #expect(line.inOrder == [-1])
        #expect(line.moves <= 10_000)
    }
}
