import CIM
import DBus

extension BodyReader {
    /// A value of the type that its variant states, without a class to say more: `n` is sint16, `q` uint16, `d` real64, `s` a string, a
    /// dictionary with text for its keys an object, a list of integers of several widths one of integers.
    /// Throws ``ObjectFault`` for types that no CIM value has and past the limits of ``Nesting``, and ``DBusDecodingError``.
    public mutating func readVariant() throws -> CIMValue { try readVariant(Depth(containers: 3)).settled() }

    /// The same for a value that a class says more about: the elements of an array are of the types of the wire, which may be several
    /// (``CIMValue/settled()``).
    mutating func readUnsettledVariant() throws -> CIMValue { try readVariant(Depth(containers: 3)) }

    /// Where a value is: inside so many embedded objects, and so many D-Bus containers, the one that holds it included.
    struct Depth {
        var objects = 0
        var containers = 0

        /// Inside so many containers more.
        func inside(_ count: Int, objects more: Int = 0) throws(ObjectFault) -> Depth {
            let deeper = Depth(objects: objects + more, containers: containers + count)
            if deeper.objects > Nesting.objects { throw ObjectFault("objects nest more than \(Nesting.objects) deep", kind: .tooDeep) }
            guard deeper.containers <= Nesting.containers else {
                throw ObjectFault("more than \(Nesting.containers) D-Bus containers around a value", kind: .tooDeep)
            }
            return deeper
        }
    }

    /// - Parameter depth: of the variant itself.
    private mutating func readVariant(_ depth: Depth) throws -> CIMValue {
        let signature = try readSignatureBytes()
        return try readValue(signature, depth)
    }

    /// A value of this type, in a container at `depth`.
    private mutating func readValue(_ signature: UnsafeRawBufferPointer, _ depth: Depth) throws -> CIMValue {
        if signature.count == 1 {
            switch signature[0] {
            case UInt8(ascii: "o"): return .string(try readString())
            case UInt8(ascii: "g"): return .string(String(decoding: try readSignatureBytes(), as: UTF8.self))
            case UInt8(ascii: "v"): return try readVariant(try depth.inside(1))
            case let code: if let type = CIMType(wireCode: code) { return try readScalar(type.wireLayout.kind) }
            }
        } else if signature.count >= 2, signature[0] == UInt8(ascii: "a") {
            if let array = try readArray(UnsafeRawBufferPointer(rebasing: signature.dropFirst()), depth) { return array }
        }
        throw ObjectFault("a value of D-Bus type \"\(String(decoding: signature, as: UTF8.self))\" has no CIM type")
    }

    /// An array of this element type, or the object that a dictionary is. Nil for what no CIM value has.
    private mutating func readArray(_ element: UnsafeRawBufferPointer, _ depth: Depth) throws -> CIMValue? {
        switch element[0] {
        case UInt8(ascii: "o"): return try readArray(of: .string)
        case UInt8(ascii: "v"):
            // What dynamic languages send for a list whose type they do not know.
            let inside = try depth.inside(2)
            let values = try readArray(.string, alignment: 1) { try $0.readVariant(inside) }.arrayValue ?? []
            guard let first = values.first else { return .array(of: .string, []) }
            guard let type = first.scalarType, values.allSatisfy({ $0.scalarType != nil }) else {
                throw ObjectFault("an array of arrays has no CIM type")
            }
            return .array(of: type, values)
        case UInt8(ascii: "{"):
            if let value = Self.valueType(of: element) {
                return .object(try readInstance(try depth.inside(1, objects: 1), key: element[1], value: value))
            }
        case UInt8(ascii: "a") where element.count > 1 && element[1] == UInt8(ascii: "{"):
            let dictionary = UnsafeRawBufferPointer(rebasing: element.dropFirst())
            if let value = Self.valueType(of: dictionary) {
                let depth = try depth.inside(1, objects: 1)
                let inner = try depth.inside(1)
                let array = try readArray(.object, alignment: 4) {
                    .object(try $0.readInstance(inner, key: dictionary[1], value: value))
                }
                return array
            }
        case let code: if let type = CIMType(wireCode: code) { return try readArray(of: type) }
        }
        // An empty array fits every array.
        let end = try enterArray(elementAlignment: Signature(verified: String(decoding: element.prefix(1), as: UTF8.self)).alignment)
        return isAtEnd(of: end) ? .array(of: .string, []) : nil
    }

    /// The type of the values of a `{…}` with text for its keys.
    private static func valueType(of entry: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard entry.count >= 4, "sog".utf8.contains(entry[1]) else { return nil }
        return UnsafeRawBufferPointer(rebasing: entry[2..<entry.count - 1])
    }

    /// The elements of an array of a known type, in the type that the wire has for it.
    mutating func readArray(of type: CIMType) throws -> CIMValue {
        let layout = type.wireLayout
        switch layout.kind {
        case .byte: return .array(of: .uint8, try readByteArray().map { .uint8($0) })
        case .dictionary: return .array(of: .object, try readInstances(Depth(objects: 1, containers: 4)).map { .object($0) })
        default: return try readArray(layout.shown, alignment: layout.alignment) { try $0.readScalar(layout.kind) }
        }
    }

    /// - Parameter alignment: of an element.
    private mutating func readArray(
        _ type: CIMType, alignment: Int, _ element: (inout BodyReader) throws -> CIMValue
    ) throws -> CIMValue {
        let end = try enterArray(elementAlignment: alignment)
        var elements: [CIMValue] = []
        while !isAtEnd(of: end) { elements.append(try element(&self)) }
        try leaveArray(end)
        return .array(of: type, elements)
    }

    /// An `a{sv}` as an instance, without a class: system properties other than its class and path are left out.
    public mutating func readInstance() throws -> CIMInstance { try readInstance(Depth(containers: 1)) }

    /// - Parameter depth: of the object's own array.
    mutating func readInstance(_ depth: Depth) throws -> CIMInstance {
        var settled = try readInstance(depth, key: UInt8(ascii: "s"), value: nil)
        for index in settled.properties.indices { settled.properties[index].value = try settled.properties[index].value.settled() }
        return settled
    }

    /// - Parameter value: the type of the values; nil: each is in a variant.
    private mutating func readInstance(_ depth: Depth, key: UInt8, value type: UnsafeRawBufferPointer?) throws -> CIMInstance {
        let end = try enterArray(elementAlignment: 8)
        var instance = CIMInstance(className: "")
        while !isAtEnd(of: end) {
            try enterDictEntry()
            let name =
                key == UInt8(ascii: "g") ? String(decoding: try readSignatureBytes(), as: UTF8.self) : try readString()
            let inside = try depth.inside(2)
            let isVariant = type.map { $0.count == 1 && $0[0] == UInt8(ascii: "v") } ?? true
            let value = if let type, !isVariant { try readValue(type, inside) } else { try readVariant(inside) }
            if CIMName.equal(name, SystemProperty.className.rawValue) {
                instance.className = value.stringValue ?? ""
            } else if CIMName.equal(name, SystemProperty.path.rawValue) {
                instance.path = value.stringValue.flatMap { try? CIMObjectPath(parsing: $0) }
            } else if !name.hasPrefix("__") {
                instance.append(name: name, value: value)
            }
        }
        try leaveArray(end)
        if let twice = instance.duplicateName { throw ObjectFault("property \(twice) is there twice") }
        return instance
    }

    /// An `aa{sv}`.
    public mutating func readInstances() throws -> [CIMInstance] { try readInstances(Depth(containers: 1)) }

    /// - Parameter depth: of the array around them.
    private mutating func readInstances(_ depth: Depth) throws -> [CIMInstance] {
        let inner = try depth.inside(1)
        let end = try enterArray(elementAlignment: 4)
        var instances: [CIMInstance] = []
        while !isAtEnd(of: end) { instances.append(try readInstance(inner)) }
        try leaveArray(end)
        return instances
    }
}

extension CIMValue {
    /// The value with arrays whose elements are of one type, for where no class says which: integers of several widths become sint64 or
    /// uint64, integers among reals become reals. Throws ``ObjectFault`` where that loses something, and for other mixtures.
    func settled() throws(ObjectFault) -> CIMValue {
        switch self {
        case .object(var object):
            for index in object.properties.indices { object.properties[index].value = try object.properties[index].value.settled() }
            return .object(object)
        case .array(.object, let elements) where elements.allSatisfy({ $0.scalarType == .object }):
            var settled: [CIMValue] = []
            settled.reserveCapacity(elements.count)
            for element in elements { settled.append(try element.settled()) }
            return .array(of: .object, settled)
        case .array(let base, let elements) where !elements.allSatisfy({ $0.scalarType == base }):
            for type in [CIMType.sint64, .uint64, .real64] where elements.allSatisfy({ $0.isNumber(upTo: type) }) {
                let values = elements.compactMap { $0.exactly(type) }
                if values.count == elements.count { return .array(of: type, values) }
            }
            throw ObjectFault("an array whose elements are of several types")
        default: return self
        }
    }

    /// Whether it is an integer, or a real where a real is wanted.
    private func isNumber(upTo type: CIMType) -> Bool {
        switch self {
        case .uint8, .sint8, .uint16, .sint16, .uint32, .sint32, .uint64, .sint64: true
        case .real32, .real64: type == .real64
        default: false
        }
    }

    private func exactly(_ type: CIMType) -> CIMValue? {
        if type == .real64, let number = int64Value { return Double(exactly: number).map { .real64($0) } }
        if type == .real64, case .uint64(let number) = self { return Double(exactly: number).map { .real64($0) } }
        return converted(toScalar: type)
    }
}

extension String {
    /// The text without line breaks and what does not print: each becomes a space. What a peer sends could be taken for a line of the log, move the
    /// cursor of a terminal, or turn the text around it.
    package var oneLine: String { replacingUnprintable(by: " ") }

    /// The text with its lines, and without what else does not print.
    package var printableLines: String { replacingUnprintable(by: " ", keepsLines: true) }
}
