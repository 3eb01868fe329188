/// What an interface offers, as introspection tells it.
public struct InterfaceDescription: Hashable, Sendable {
    public struct Argument: Hashable, Sendable {
        /// May be empty.
        public var name: String
        public var signature: Signature

        public init(_ name: String, _ signature: Signature) {
            self.name = name
            self.signature = signature
        }
    }

    public struct Method: Hashable, Sendable {
        public var name: MemberName
        public var inputs: [Argument]
        public var outputs: [Argument]
        public var annotations: [String: String]

        public init(_ name: MemberName, inputs: [Argument] = [], outputs: [Argument] = [], annotations: [String: String] = [:]) {
            self.name = name
            self.inputs = inputs
            self.outputs = outputs
            self.annotations = annotations
        }

        /// The signature a call must have.
        public var inputSignature: Signature { Signature(verified: inputs.map(\.signature.text).joined()) }
        /// The signature of the reply.
        public var outputSignature: Signature { Signature(verified: outputs.map(\.signature.text).joined()) }
    }

    public struct Signal: Hashable, Sendable {
        public var name: MemberName
        public var arguments: [Argument]
        public var annotations: [String: String]

        public init(_ name: MemberName, arguments: [Argument] = [], annotations: [String: String] = [:]) {
            self.name = name
            self.arguments = arguments
            self.annotations = annotations
        }
    }

    public struct Property: Hashable, Sendable {
        public enum Access: String, Hashable, Sendable {
            case read
            case write
            case readWrite = "readwrite"
        }

        /// `org.freedesktop.DBus.Property.EmitsChangedSignal`.
        public enum ChangeSignal: String, Hashable, Sendable {
            /// The signal carries the new value.
            case withValue = "true"
            /// The signal carries the name alone.
            case invalidates
            /// The value never changes.
            case constant = "const"
            /// No signal.
            case none = "false"
        }

        public var name: MemberName
        public var signature: Signature
        public var access: Access
        public var changes: ChangeSignal
        /// Without the one that ``changes`` stands for.
        public var annotations: [String: String]

        public init(
            _ name: MemberName, _ signature: Signature, access: Access = .read, changes: ChangeSignal = .withValue,
            annotations: [String: String] = [:]
        ) {
            self.name = name
            self.signature = signature
            self.access = access
            self.changes = changes
            self.annotations = annotations
        }
    }

    public var name: InterfaceName
    public var methods: [Method]
    public var signals: [Signal]
    public var properties: [Property]
    public var annotations: [String: String]

    public init(
        _ name: InterfaceName, methods: [Method] = [], signals: [Signal] = [], properties: [Property] = [],
        annotations: [String: String] = [:]
    ) {
        self.name = name
        self.methods = methods
        self.signals = signals
        self.properties = properties
        self.annotations = annotations
    }
}

/// What `Introspect` answers for one object.
public struct ObjectDescription: Hashable, Sendable {
    public var interfaces: [InterfaceDescription]
    /// The names of the objects directly below.
    public var children: [String]

    public init(interfaces: [InterfaceDescription], children: [String] = []) {
        self.interfaces = interfaces
        self.children = children
    }
}
