/// How much a compilation may take, so that no text can take everything.
public struct MOFLimits: Hashable, Sendable {
    /// The bytes of all texts together, each counted as often as it is included.
    public var bytes = 64 << 20

    /// How deep files may include files.
    public var includeDepth = 32

    /// After how many errors the compiler stops.
    public var errors = 20

    /// How many warnings are kept.
    public var warnings = 100_000

    public init() {}
}
