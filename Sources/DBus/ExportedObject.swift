/// How a method is carried out.
public enum MethodImplementation: Sendable {
    /// Runs on the loop, in the order of arrival. It must not block; it may answer later.
    case immediate(@Sendable (MethodCall) -> Void)
    /// Runs in a task of its own. What it throws becomes the answer: a ``DBusError`` as it is, anything else as
    /// `org.freedesktop.DBus.Error.Failed`.
    case task(@Sendable (MethodCall) async throws -> Void)
}

/// Who asks for a property, and of which object.
public struct PropertyAccess: Sendable {
    public let path: ObjectPath
    /// The unique name of the caller; nil when the value is wanted for a signal, or on a private connection.
    public let sender: String?
}

/// How a property is read and set; both run on the loop and must not block.
public struct PropertyImplementation: Sendable {
    public typealias Getter = @Sendable (PropertyAccess) throws(DBusError) -> DBusValue
    public typealias Setter = @Sendable (PropertyAccess, DBusValue) throws(DBusError) -> Void

    let get: Getter?
    let set: Setter?

    /// - Parameter set: called with a value of the described type. `PropertiesChanged` follows when it returns.
    public init(get: Getter?, set: Setter? = nil) {
        self.get = get
        self.set = set
    }
}

/// Makes the arguments that a method is described with out of a call with others: where callers cannot choose the types they send, and the
/// meaning is clear. It runs on the loop. What it throws is the answer.
public typealias ArgumentReader = @Sendable (Message, InterfaceDescription.Method) throws(DBusError) -> BodyReader

/// One interface with its implementation. Make one per interface and share it between objects: the call says which path it is for.
public final class ExportedInterface: Sendable {
    final class MethodEntry: Sendable {
        let description: InterfaceDescription.Method
        let inputSignature: String
        let implementation: MethodImplementation?
        let argumentReader: ArgumentReader?

        init(
            description: InterfaceDescription.Method, inputSignature: String, implementation: MethodImplementation?,
            argumentReader: ArgumentReader?
        ) {
            self.description = description
            self.inputSignature = inputSignature
            self.implementation = implementation
            self.argumentReader = argumentReader
        }
    }

    struct PropertyEntry: Sendable {
        let description: InterfaceDescription.Property
        let implementation: PropertyImplementation?
    }

    public let description: InterfaceDescription
    let methods: [String: MethodEntry]
    let properties: [String: PropertyEntry]

    /// Whatever is described and has no implementation answers `org.freedesktop.DBus.Error.NotSupported`; an implementation of what is
    /// not described is never called.
    /// - Parameter argumentReader: what is asked about a call whose signature is not the method's own. Nil: such a call is answered with
    ///   `org.freedesktop.DBus.Error.InvalidArgs`. ``MethodCall/reader`` reads what it makes.
    public init(
        _ description: InterfaceDescription, methods: [String: MethodImplementation] = [:],
        properties: [String: PropertyImplementation] = [:], argumentReader: ArgumentReader? = nil
    ) {
        self.description = description
        self.methods = Dictionary(
            description.methods.map { method in
                let entry = MethodEntry(
                    description: method, inputSignature: method.inputSignature.text, implementation: methods[method.name.text],
                    argumentReader: argumentReader)
                return (method.name.text, entry)
            }, uniquingKeysWith: { first, _ in first })
        self.properties = Dictionary(
            description.properties.map { property in
                (property.name.text, PropertyEntry(description: property, implementation: properties[property.name.text]))
            }, uniquingKeysWith: { first, _ in first })
    }
}

/// What lives at a path. The standard interfaces come by themselves.
public final class ExportedObject: Sendable {
    public let interfaces: [ExportedInterface]
    /// Whether it answers `GetManagedObjects` for what is below it.
    public let isObjectManager: Bool
    /// Whether an object manager above it lists it.
    public let isManaged: Bool
    private let byName: [String: ExportedInterface]

    public init(_ interfaces: [ExportedInterface], isObjectManager: Bool = false, isManaged: Bool = true) {
        self.interfaces = interfaces
        self.isObjectManager = isObjectManager
        self.isManaged = isManaged
        byName = Dictionary(interfaces.map { ($0.description.name.text, $0) }, uniquingKeysWith: { first, _ in first })
    }

    func interface(_ name: String) -> ExportedInterface? { byName[name] }
}

/// Objects that come and go below a path, found when somebody asks. Both closures run on the loop and must not block.
public struct ObjectSubtree: Sendable {
    /// The object at a path at or below the root, for this caller (nil: nobody in particular); nil when there is none for them.
    public var object: @Sendable (_ path: ObjectPath, _ sender: String?) -> ExportedObject?
    /// The names of the path elements directly below a path, for this caller.
    public var childNames: @Sendable (_ path: ObjectPath, _ sender: String?) -> [String]
    /// Whether object managers above list what is here.
    public var isManaged: Bool

    public init(
        isManaged: Bool = true, object: @escaping @Sendable (_ path: ObjectPath, _ sender: String?) -> ExportedObject?,
        childNames: @escaping @Sendable (_ path: ObjectPath, _ sender: String?) -> [String]
    ) {
        self.isManaged = isManaged
        self.object = object
        self.childNames = childNames
    }
}
