/// How a class or an instance is stored (SEMANTICS A.2.2, WBEM_CHANGE_FLAG_TYPE, with its numbers).
public struct MOFUpdateFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// It must exist already.
    public static let updateOnly = MOFUpdateFlags(rawValue: 0x1)

    /// It must not exist yet.
    public static let createOnly = MOFUpdateFlags(rawValue: 0x2)

    /// A class with subclasses may change where no subclass conflicts.
    public static let safeUpdate = MOFUpdateFlags(rawValue: 0x20)

    /// A class with subclasses may change, and conflicting qualifiers of the subclasses give way.
    public static let forceUpdate = MOFUpdateFlags(rawValue: 0x40)

    /// The words of `#pragma classflags`.
    static let classWords: [(name: String, flag: MOFUpdateFlags)] = [
        ("createonly", .createOnly), ("updateonly", .updateOnly), ("safeupdate", .safeUpdate), ("forceupdate", .forceUpdate),
    ]

    /// The words of `#pragma instanceflags`.
    static let instanceWords: [(name: String, flag: MOFUpdateFlags)] = [("createonly", .createOnly), ("updateonly", .updateOnly)]
}
