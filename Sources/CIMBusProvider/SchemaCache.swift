import CIM
import CIMBusWire
import Synchronization

/// The classes of the broker's repository that a provider has met, prepared for decoding. Forgotten with the broker.
final class SchemaCache: Sendable {
    private struct Key: Hashable {
        var namespace: CIMNamespaceName
        var className: CIMName
    }

    private let layouts = Mutex<[Key: ObjectLayout]>([:])

    /// A class that was kept.
    func layout(of className: String, in namespace: CIMNamespaceName) -> ObjectLayout? {
        layouts.withLock { $0[Key(namespace: namespace, className: CIMName(className))] }
    }

    /// Keeps a class as the one of that name.
    func keep(_ declaration: CIMClass, named className: String, in namespace: CIMNamespaceName) -> ObjectLayout {
        let layout = ObjectLayout(decoding: declaration)
        layouts.withLock { $0[Key(namespace: namespace, className: CIMName(className))] = layout }
        return layout
    }
}
