import CIM
import CIMBusWire
import Synchronization

/// The classes of one namespace, as far as this session has met them, prepared for decoding. Emptied when another broker comes, and when a
/// class was changed over this connection.
final class ClassCache: Sendable {
    private struct Guarded {
        var generation = -1
        var layouts: [CIMName: ObjectLayout] = [:]
    }

    private let guarded = Mutex(Guarded())

    func layout(named name: String, generation: Int) -> ObjectLayout? {
        guarded.withLock { $0.generation == generation ? $0.layouts[CIMName(name)] : nil }
    }

    func keep(_ layout: ObjectLayout, generation: Int) {
        guarded.withLock { guarded in
            // One that was asked for before the last change may be what it was then.
            guard generation >= guarded.generation else { return }
            if guarded.generation != generation { guarded.layouts = [:] }
            guarded.generation = generation
            guarded.layouts[CIMName(layout.className)] = layout
        }
    }
}
