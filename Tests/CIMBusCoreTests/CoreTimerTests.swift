import Testing

@testable import CIMBusCore

@Suite("Timers that raise events")
struct CoreTimerTests {
    private static let timer = TimerID(1)

    private func fired(_ scene: Scene) -> [UInt32] {
        scene.effects.compactMap { if case .fire(Self.timer, let firings) = $0 { firings } else { nil } }
    }

    private func started(
        after delay: Microseconds = .seconds(1), every interval: Microseconds? = .seconds(1), skipsPassed: Bool = false
    ) -> Scene {
        var scene = Scene()
        scene.core.startTimer(Self.timer, after: delay, every: interval, skipsPassed: skipsPassed)
        scene.saw()
        return scene
    }

    @Test("EV73: an interval timer fires at each interval until it is stopped; one without an interval fires once")
    func firing() {
        var scene = started()
        for _ in 0..<3 {
            scene.wait(1)
            #expect(fired(scene) == [1])
        }
        scene.core.stopTimer(Self.timer)
        scene.saw()
        #expect(scene.core.agenda.times.isEmpty)
        scene = started(every: nil)
        scene.wait(1)
        #expect(fired(scene) == [1] && scene.core.timers.isEmpty && scene.core.agenda.times.isEmpty)
    }

    @Test("EV74, EV117: what was due while nobody came to tell it is one event with the number of firings, and the beat stays")
    func merged() {
        var scene = started()
        scene.core.now += 3_500_000
        scene.core.advance()
        scene.saw()
        #expect(fired(scene) == [3])
        #expect(scene.core.timers[Self.timer]?.due == scene.core.now + 500_000)
    }

    @Test("EV75, EV117: with SkipIfPassed the firings that passed are forgotten")
    func skipped() {
        var scene = started(skipsPassed: true)
        scene.core.now += 3_500_000
        scene.core.advance()
        scene.saw()
        #expect(fired(scene) == [1])
    }

    @Test("EV76: a shorter interval than a tenth of a second fires ten times a second, and says how often it would have")
    func short() {
        var scene = started(after: 1_000, every: 1_000)
        var all: [UInt32] = []
        for _ in 0..<11 {
            scene.core.now = scene.core.nextDeadline ?? scene.core.now
            scene.core.advance()
            scene.saw()
            all += fired(scene)
        }
        #expect(all.count == 11 && all.reduce(0, +) == 1_001)
    }
}
