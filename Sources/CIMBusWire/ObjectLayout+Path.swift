import CIM
import DBus

extension ObjectLayout {
    /// The relative path of an instance with these values of ``keys``: a provider's own idea of it does not count. Nothing where a key is
    /// missing, or the class has none.
    func appendPath(_ keyValues: [CIMValue], to path: inout [UInt8]) {
        if keys.isEmpty {
            guard isSingleton else { return }
            path.append(contentsOf: className.utf8)
            path.append(contentsOf: "=@".utf8)
            return
        }
        let start = path.count
        path.append(contentsOf: className.utf8)
        for (index, slot) in keys.enumerated() {
            path.append(UInt8(ascii: index == 0 ? "." : ","))
            path.append(contentsOf: slots[slot].name.utf8)
            path.append(UInt8(ascii: "="))
            guard !keyValues[index].isNull, keyValues[index].appendKey(to: &path), path.count - start <= ObjectChecker.longestPath else {
                return path.removeSubrange(start...)
            }
        }
    }
}

extension BodyWriter {
    /// `__RELPATH` and `__PATH` of an object; nothing where it has no path.
    mutating func append(path: [UInt8], of layout: ObjectLayout) {
        if path.isEmpty { return }
        path.withUnsafeBytes { append(.relativePath, $0) }
        (layout.pathPrefix + path).withUnsafeBytes { append(.path, $0) }
    }

    private mutating func append(_ property: SystemProperty, _ text: UnsafeRawBufferPointer) {
        beginDictEntry()
        append(string: property.rawValue)
        beginVariant("s")
        append(stringBytes: text)
    }
}

extension CIMValue {
    /// The value as it stands in a path (Semantics H.1). Returns false for what cannot be a key.
    fileprivate func appendKey(to path: inout [UInt8]) -> Bool {
        let text: String
        switch self {
        case .string(let value): text = value
        case .datetime(let value): text = value.description
        case .reference(let value): text = value.path
        case .boolean(let value):
            path.append(contentsOf: (value ? "TRUE" : "FALSE").utf8)
            return true
        case .uint64(let value):
            path.append(contentsOf: String(value).utf8)
            return true
        default:
            guard let value = int64Value else { return false }
            path.append(contentsOf: String(value).utf8)
            return true
        }
        guard text.utf8.count <= ObjectChecker.longestPath else { return false }
        path.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { path.append(UInt8(ascii: "\\")) }
            guard byte >= 0x20 else { return false }
            path.append(byte)
        }
        path.append(UInt8(ascii: "\""))
        return true
    }
}
