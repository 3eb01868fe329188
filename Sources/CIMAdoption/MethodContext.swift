import CIM
import DBus

/// What the text of a method's `MethodContext` says: the D-Bus method, its arguments, and what becomes of its results.
public struct MethodContext: Hashable, Sendable {
    /// A result of the D-Bus method, in its place.
    public struct Result: Hashable, Sendable {
        /// An out parameter, or `ReturnValue`; nil: not needed.
        public var parameter: String?
        public var conversions: [Conversion]
    }

    public var call: CallTemplate
    public var results: [Result] = []
    /// Instead of that of the class.
    public var polkitAction: String?
}

extension MethodContext {
    /// - Parameter standard: the default interface of the class that declares the method.
    public init(_ text: String, _ standard: InterfaceName?) throws(ContextError) {
        var scanner = try ContextScanner(text)
        call = try scanner.callTemplate(standard)
        if try scanner.skip(symbol: "->") {
            try scanner.expect(symbol: "(")
            results = try scanner.list(to: ")") { (scanner: inout ContextScanner) throws(ContextError) -> Result in
                let name = try scanner.word("an out parameter, ReturnValue or _")
                return Result(parameter: name == "_" ? nil : name, conversions: try scanner.conversions())
            }
        }
        if try scanner.skip(symbol: ";") {
            guard try scanner.skip("polkit") else { throw scanner.unexpected("'polkit'") }
            polkitAction = try scanner.word("the name of a polkit action")
        }
        guard scanner.token == .end else { throw scanner.unexpected("'->', ';' or the end") }
    }
}
