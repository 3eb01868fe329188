import CIM
import Testing

@testable import CIMBusCore

/// The joins, each by itself: every order and every way in which up to four parts can end, against a model that says the rule of a whole history
/// at once.
@Suite("Joins")
struct JoinTests {
    private func search<Model: JoinModel>(_ name: String, _ models: [Model]) {
        var steps = 0
        for model in models {
            var search = JoinSearch(model)
            search.run()
            steps += search.steps
            #expect(search.fault == nil)
            if search.fault != nil { return }
        }
        print("exhaustive, \(name) alone: \(models.count) joins, \(steps) steps")
    }

    @Test("C.1, R62 to R66, P8: a put asks from the top down; the first failure ends it, and the last one's path is its own")
    func put() {
        search("put", (0...4).map { PutModel(count: $0) })
    }

    @Test("C.1, R66: the topmost part of a put says the key, and nobody else does")
    func key() {
        var join = PutJoin(count: 3)
        #expect(join.start() == .ask([0]) && join.key == nil)
        #expect(join.ended(0, Outcome(.noError, parameter: "A.k=1")) == .ask([1]))
        #expect(join.ended(1, Outcome(.noError, parameter: "B.k=2")) == .ask([2]))
        #expect(join.key == "A.k=1")
    }

    @Test("C.2, R136, P8: a delete asks every class; the topmost decide, one success is enough, and NotFound hides no other failure")
    func delete() {
        var models: [DeleteModel] = []
        for count in 0...4 {
            for mask in 0..<1 << count {
                for stored in [DeleteJoin.Stored.no, .yes, .lastResort] where count < 4 || stored == .no {
                    models.append(DeleteModel(decides: (0..<count).map { mask >> $0 & 1 == 1 }, stored: stored))
                }
            }
        }
        search("delete", models)
    }

    @Test(
        "C.3, C.5: a get asks from the most derived class up; who does not know the key ends it; of several lines one has the instance, or nobody can say"
    )
    func get() {
        var models: [GetModel] = []
        for lines in [
            [], [1], [2], [3], [4], [1, 1], [2, 1], [1, 2], [2, 2], [1, 3], [1, 1, 1], [1, 1, 2], [2, 1, 1], [1, 1, 1, 1],
        ] {
            for search in [GetJoin.Search.no, .untilFound, .pastIncapable] where search != .no || lines.count == 1 {
                for speaks in [false, true] {
                    for concludes in [false, true] {
                        models.append(GetModel(lines: lines, search: search, speaks: speaks, concludes: concludes))
                    }
                }
            }
        }
        search("get", models)
    }

    @Test("C.4, I.4, I.7: a fan-out asks so many at once; the first failure ends it, but for other ways and for what is excused")
    func fanOut() {
        var models: [FanOutModel] = [FanOutModel(parts: [], width: 1)]
        // There are many orders: a debug build tries some of them.
        var kinds: [FanOut.Part] = []
        for ways in Search.isFull ? 1...3 : 1...2 {
            for way in [[], .excusesNotFound, .excusesNotCapable, .excusesIncapability] as [FanOut.Way] {
                let others = Array(repeating: FanOut.Way(), count: ways - 1)
                kinds.append(.init(others + [ways == 2 ? way.union(.isSilent) : way]))
                if ways > 1 { kinds.append(.init([way] + others)) }
            }
        }
        for a in kinds {
            models.append(FanOutModel(parts: [a], width: 1))
            for b in kinds { for width in 1...2 { models.append(FanOutModel(parts: [a, b], width: width)) } }
        }

        let few: [FanOut.Part] = [.init(), .init([.excusesNotCapable]), .init([.isSilent, .isSilent])]
        for a in few {
            for b in few {
                for c in few { for width in Search.isFull ? 1...3 : 1...1 { models.append(FanOutModel(parts: [a, b, c], width: width)) } }
            }
        }
        models.append(FanOutModel(parts: few, width: 2))
        models.append(FanOutModel(parts: [.init([[], .excusesNotFound, []]), few[2]], width: 2))
        models.append(FanOutModel(parts: [few[2], few[0], few[2], few[1]], width: 1))
        for width in Search.isFull ? [1, 2, 3, .max] : [2] {
            models.append(FanOutModel(parts: [few[0], few[0], few[0], few[0]], width: width))
            if Search.isFull { models.append(FanOutModel(parts: [few[1], few[0], few[1], few[0]], width: width)) }
        }
        search("fan out", models)
    }
}
