/// What somebody may be let do in a namespace: WMI's names and numbers (Semantics D.9.1), and one of CIMBus's own.
public struct Right: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32

    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// To read classes and instances.
    public static let enable = Right(rawValue: 0x1)
    /// To execute methods.
    public static let methodExecute = Right(rawValue: 0x2)
    /// To write classes, namespaces, and instances of any kind.
    public static let fullWrite = Right(rawValue: 0x4)
    /// To write instances that the repository keeps.
    public static let partialWrite = Right(rawValue: 0x8)
    /// To write instances that a provider has.
    public static let writeProvider = Right(rawValue: 0x10)
    /// To use the namespace from another machine.
    public static let remoteEnable = Right(rawValue: 0x20)
    /// To be sent events.
    public static let subscribe = Right(rawValue: 0x40)
    /// To raise events.
    public static let publish = Right(rawValue: 0x80)
    /// To serve as a provider. WMI has no such right.
    public static let register = Right(rawValue: 0x100)
    /// To see the rights of others (READ_CONTROL).
    public static let readSecurity = Right(rawValue: 0x20000)
    /// To change what others may (WRITE_DAC).
    public static let writeSecurity = Right(rawValue: 0x40000)

    /// Each right by the name that rules have for it.
    public static let names: [(name: String, right: Right)] = [
        ("Enable", .enable), ("MethodExecute", .methodExecute), ("FullWrite", .fullWrite), ("PartialWrite", .partialWrite),
        ("WriteProvider", .writeProvider), ("RemoteEnable", .remoteEnable), ("Subscribe", .subscribe), ("Publish", .publish),
        ("Register", .register), ("ReadSecurity", .readSecurity), ("WriteSecurity", .writeSecurity),
    ]

    public static let all = names.reduce(into: Right()) { $0.formUnion($1.right) }

    /// What polkit calls it: "org.cimbus1.method-execute" (`dbus/polkit-1`).
    public var action: String {
        var words = ""
        for letter in text.unicodeScalars {
            if letter.properties.isUppercase, !words.isEmpty { words += "-" }
            words += letter.properties.lowercaseMapping
        }
        return "org.cimbus1." + words
    }

    /// Those that a rule may leave to polkit. Where nobody waits for an answer, nobody can be asked.
    public static let authorizable: Right = [.enable, .methodExecute, .fullWrite, .partialWrite, .writeProvider]

    /// The names, separated by commas, in the order of ``names``.
    public var text: String { Self.names.filter { contains($0.right) }.map(\.name).joined(separator: ",") }
}
