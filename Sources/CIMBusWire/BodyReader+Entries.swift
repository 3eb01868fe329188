import CIM
import DBus

/// What an object says of itself, found where it lies, without reading the rest of it.
extension BodyReader {
    /// The value, a variant, of the first entry with this name, in any case; nil where there is none. This reader stays where it is: at the
    /// entries of an `a{sv}`, which end at `end`.
    /// - Parameter isLeading: whether only the system properties that come first are looked at. The broker writes `__CLASS`, and what
    ///   follows from the class, in front of everything else.
    package func value(ofEntry name: String, before end: Int, isLeading: Bool = false) throws(DBusDecodingError) -> BodyReader? {
        var reader = self
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            let key = try reader.readStringBytes()
            if CIMName.equal(key, name) { return reader }
            if isLeading, !SystemProperty.isName(key) { return nil }
            let types = try reader.readSignatureBytes()
            try reader.skip(types: types)
        }
        return nil
    }

    /// The class that the object says it is of, whose entries end at `end`; nil where it has no `__CLASS`. The bytes live as long as a copy of
    /// this reader. Throws ``ObjectFault`` where `__CLASS` is no text, and ``DBusDecodingError``.
    func className(before end: Int) throws -> UnsafeRawBufferPointer? {
        guard var value = try value(ofEntry: SystemProperty.className.rawValue, before: end) else { return nil }
        let types = try value.readSignatureBytes()
        guard types.elementsEqual("s".utf8) || types.elementsEqual("o".utf8) else { throw ObjectFault("__CLASS is not a string") }
        return try value.readStringBytes()
    }

    /// Whether the `__GENUS` of the object that starts here, an `a{sv}`, is that of a class.
    /// - Parameter isBrokers: whether the broker wrote it: ``value(ofEntry:before:isLeading:)``.
    package func isClass(isBrokers: Bool = false) throws -> Bool {
        var reader = self
        let end = try reader.enterArray(elementAlignment: 8)
        var genus = try reader.value(ofEntry: SystemProperty.genus.rawValue, before: end, isLeading: isBrokers)
        return try genus?.readVariant().read(asScalar: .sint32) == .sint32(1)
    }

    /// What the object that starts here, an `a{sv}`, says it is: its `__CLASS`, empty where it has none or none that is text, and whether its
    /// `__GENUS` is a class's.
    package func identity() throws -> (className: String, isClass: Bool) {
        var reader = self
        let end = try reader.enterArray(elementAlignment: 8)
        var className = try reader.value(ofEntry: SystemProperty.className.rawValue, before: end)
        return (try className?.readVariant().stringValue ?? "", try isClass())
    }
}
