import DBus

/// What ``OpenCalls`` keeps.
protocol ListedCall: AnyObject {
    /// To whom its results go.
    var sink: ObjectPath { get }
    /// Where it is in the list, whose lock guards it.
    var position: Int { get set }
}

/// The calls that are open at a provider. What ends a call takes it away without looking for it. ``ProviderHost`` has the lock.
struct OpenCalls<Call: ListedCall> {
    private(set) var all: [Call] = []

    var isEmpty: Bool { all.isEmpty }

    mutating func insert(_ call: Call) {
        call.position = all.count
        all.append(call)
    }

    /// Nothing happens when it is not there.
    mutating func remove(_ call: Call) {
        let position = call.position
        guard position < all.count, all[position] === call, let last = all.popLast() else { return }
        if last === call { return }
        all[position] = last
        last.position = position
    }

    /// The last with this sink; nil: none is open.
    func call(of sink: ObjectPath) -> Call? { all.last { $0.sink.text == sink.text } }
}
