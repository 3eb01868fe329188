import DBus
import Synchronization
import WireTestKit

/// Runs so many steps of a task, from one suspension to the next, and holds what comes then until it is let go: whatever shall happen
/// between two steps can.
package final class SteppedExecutor: TaskExecutor {
    private struct State {
        var steps: Int
        var held: [UnownedJob] = []
    }

    /// Sent when a step is held: true; false by whoever sees the task at its end without that.
    package let isHeld = Event<Bool>("the task to be held or to end")
    private let thread = EventLoop(name: "stepped")
    private let state: Mutex<State>

    package init(steps: Int) { state = Mutex(State(steps: steps)) }

    deinit { thread.shutdown() }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let mayRun = state.withLock { state in
            state.steps -= 1
            if state.steps < 0 { state.held.append(job) }
            return state.steps >= 0
        }
        if mayRun { run(job) } else { isHeld.send(true) }
    }

    package func letGo() {
        let held = state.withLock { state in
            state.steps = .max
            defer { state.held = [] }
            return state.held
        }
        for job in held { run(job) }
    }

    private func run(_ job: UnownedJob) { thread.execute { [self] in job.runSynchronously(on: asUnownedTaskExecutor()) } }
}
