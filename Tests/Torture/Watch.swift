import CIM
import CIMBusWire
import DBus
import Synchronization
import WireTestKit

/// How an operation ended for its client.
enum WatchedEnd: Sendable {
    case status(WBEMStatus)
    /// The broker left, or the connection to it: that is an end, too.
    case lost
}

/// What is asked for, and what an answer may be.
struct WatchedRequest: Sendable {
    enum Kind: Sendable {
        case enumerate
        case get(key: String)
        case invoke(word: String)
    }

    var kind: Kind
    var className: String
    /// What the provider does, where it is one that misbehaves; nil: it behaves.
    var script: String?
    var form: CallForm
    /// In the order of the operation's making.
    var number: Int

    var description: String {
        let what =
            switch kind {
            case .enumerate: "enumerate \(className)"
            case .get(let key): "get \(className) \(key)"
            case .invoke(let word): "invoke \(className) \(word)"
            }
        return "operation \(number), \(form.rawValue) \(what)" + (script.map { " (script \($0))" } ?? "")
    }

    /// The property that is the key of its class.
    var keyName: String { script == nil ? "Name" : "Scenario" }
}

/// One operation, from its client's side: the objects in order, the one final status, and nothing after it.
final class Watch: Sendable {
    private struct State {
        var objects = 0
        /// The number that the next object has, where the provider behaves.
        var next: UInt32 = 0
        var end: WatchedEnd?
        var complaint: String?
    }

    let request: WatchedRequest
    let end: Event<WatchedEnd>
    private let state = Mutex(State())

    init(_ request: WatchedRequest) {
        self.request = request
        end = Event("the final status of \(request.description)")
    }

    /// Objects came. What is wrong with them, if anything is.
    func took(_ objects: [[String: DBusValue]]) -> String? {
        state.withLock { state in
            if case .status(let status)? = state.end { return "\(objects.count) objects came after the final status \(status.hex)" }
            // A method may give nothing back, and then its provider misbehaved.
            for object in objects where !object.isEmpty || request.script == nil {
                state.objects += 1
                if let complaint = check(object, &state) { return complaint }
            }
            return nil
        }
    }

    private func check(_ object: [String: DBusValue], _ state: inout State) -> String? {
        let className = object["__CLASS"]?.text ?? "?"
        switch request.kind {
        case .invoke(let word):
            guard className == "__PARAMETERS" else { return "a foreign object, of \(className)" }
            let result = object["Result"]?.text ?? ""
            return request.script == nil && result != word ? "the result \(result) belongs to another call" : nil
        case .get(let key):
            guard className == request.className else { return "a foreign object, of \(className)" }
            let name = object[request.keyName]?.text ?? ""
            return request.script == nil && name != key ? "the object \(name) belongs to another call" : nil
        case .enumerate:
            guard className == request.className else { return "a foreign object, of \(className)" }
            guard request.script == nil else { return nil }
            let number: UInt32? = object["Number"]?.integer()
            guard number == state.next else { return "object \(number.map(String.init) ?? "?") came where \(state.next) was next" }
            state.next += 1
            return nil
        }
    }

    /// A final status came, or nothing can come any more. What is wrong with that, if anything is.
    func ended(_ end: WatchedEnd) -> String? {
        let complaint: String? = state.withLock { state in
            if let former = state.end {
                if case .status(let first) = former, case .status(let second) = end {
                    return "two final statuses: \(first.hex), \(second.hex)"
                }
                return nil
            }
            state.end = end
            guard case .status(let status) = end, status == .noError, request.script == nil else { return nil }
            let wanted = if case .enumerate = request.kind { TortureProvider.count } else { 1 }
            return state.objects == wanted ? nil : "success with \(state.objects) objects of \(wanted)"
        }
        self.end.send(end)
        return complaint
    }

    var isOver: Bool { state.withLock { $0.end != nil } }
}
