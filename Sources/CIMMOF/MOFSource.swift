/// A MOF text and what errors call it.
public struct MOFSource: Hashable, Sendable {
    /// The name, the same for the same file: cycles of includes are found by it.
    public var file: String
    public var text: String

    public init(file: String, text: String) {
        self.file = file
        self.text = text
    }
}
