/// What kept the stage of a test from being there: a program that is missing, or a provider that did not register. The text says what to do.
public struct TestKitError: Error, Hashable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) { self.description = description }
}
