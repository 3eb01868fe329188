import CIM

/// The text that a consumer makes of an event (Semantics J.4): `%Property%` and `%TargetInstance.Property%` stand for values, `%%` for one `%`. A
/// name that the event has not stands for nothing. What stands in quotation marks is not replaced, and keeps the marks.
struct EventTemplate: Hashable, Sendable {
    private enum Piece: Hashable {
        case text(String)
        case value([String])
    }

    private let pieces: [Piece]

    init(_ text: String) {
        var pieces: [Piece] = []
        var plain = ""
        var rest = text[...]
        while let first = rest.first {
            rest.removeFirst()
            if first == "\"", let end = rest.firstIndex(of: "\"") {
                plain += "\"" + rest[...end]
                rest = rest[rest.index(after: end)...]
            } else if first == "%", let end = rest.firstIndex(of: "%") {
                let name = rest[..<end]
                rest = rest[rest.index(after: end)...]
                if name.isEmpty {
                    plain += "%"
                } else {
                    if !plain.isEmpty { pieces.append(.text(plain)) }
                    plain = ""
                    pieces.append(.value(name.split(separator: ".", omittingEmptySubsequences: false).map(String.init)))
                }
            } else {
                plain.append(first)
            }
        }
        if !plain.isEmpty { pieces.append(.text(plain)) }
        self.pieces = pieces
    }

    /// - Parameter escape: what becomes of each value.
    func text(of event: CIMInstance, escape: (String) -> String = { $0 }) -> String {
        pieces.map { piece in
            switch piece {
            case .text(let text): text
            case .value(let names): escape(Self.text(of: Self.value(names[...], of: event)))
            }
        }.joined()
    }

    private static func value(_ names: ArraySlice<String>, of object: CIMInstance) -> CIMValue {
        guard let name = names.first else { return .object(object) }
        if CIMName.equal(name, "__CLASS"), names.count == 1 { return .string(object.className) }
        let value = object[name] ?? .null
        if names.count == 1 { return value }
        if case .object(let inner) = value { return self.value(names.dropFirst(), of: inner) }
        return .null
    }

    /// An array is `(1,5,10)`, one of one element that element, one of none `()`; an object is MOF; NULL is nothing.
    private static func text(of value: CIMValue) -> String {
        switch value {
        case .null: return ""
        case .string(let text): return text
        case .datetime(let time): return time.description
        case .object(let object): return object.description
        case .array(_, let elements):
            if elements.count == 1 { return text(of: elements[0]) }
            return "(" + elements.map { text(of: $0) }.joined(separator: ",") + ")"
        default: return value.description
        }
    }
}
