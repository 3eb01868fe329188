import CIM
import CIMBusCore
import DBus

/// What the core's payload ids stand for: checked objects, and objects of a status. Each is taken or discarded once.
struct Payloads {
    private var objects: [PayloadID: CheckedObjects] = [:]
    private var statuses: [PayloadID: CIMInstance] = [:]
    private var lastPayload: UInt64 = 0

    /// An id that stands for nothing.
    mutating func newID() -> PayloadID {
        lastPayload += 1
        return PayloadID(lastPayload)
    }

    mutating func keep(_ objects: CheckedObjects) -> Batch {
        let id = newID()
        self.objects[id] = objects
        return Batch(id, sizes: objects.sizes, parts: objects.parts)
    }

    mutating func keep(_ status: CIMInstance) -> PayloadID {
        let id = newID()
        statuses[id] = status
        return id
    }

    mutating func takeObjects(_ id: PayloadID) -> CheckedObjects? { objects.removeValue(forKey: id) }

    mutating func takeStatus(_ id: PayloadID?) -> CIMInstance? { id.flatMap { statuses.removeValue(forKey: $0) } }

    mutating func discard(_ id: PayloadID?) {
        guard let id else { return }
        if objects.removeValue(forKey: id) == nil { statuses[id] = nil }
    }
}

/// Calls that the core's call ids stand for, and that wait for their answers.
struct WaitingCalls {
    private var calls: [CallID: MethodCall] = [:]
    private var lastCall: UInt64 = 0

    /// An id that stands for no call of a peer.
    mutating func newID() -> CallID {
        lastCall += 1
        return CallID(lastCall)
    }

    mutating func keep(_ call: MethodCall) -> CallID {
        let id = newID()
        calls[id] = call
        return id
    }

    mutating func take(_ id: CallID) -> MethodCall? { calls.removeValue(forKey: id) }
}
