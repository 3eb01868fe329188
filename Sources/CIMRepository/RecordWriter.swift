import CIM

/// Writes classes, qualifier types and instances as bytes, to be read by ``RecordReader``.
///
/// A record starts with its version: 1, or 2 for an instance with qualifiers, which stand behind what version 1 has. Numbers are LEB128, or little endian where the width is known; texts and lists have their length
/// in front. Each value carries a tag that says its type, so that a record can be read without its class.
struct RecordWriter {
    static let version: UInt8 = 1
    static let versionWithQualifiers: UInt8 = 2

    private(set) var bytes: [UInt8] = [version]

    static func record(of declared: CIMClass) throws(RecordError) -> [UInt8] {
        var writer = RecordWriter()
        try writer.write(declared)
        return writer.bytes
    }

    static func record(of type: CIMQualifierType) throws(RecordError) -> [UInt8] {
        var writer = RecordWriter()
        writer.write(type.name)
        writer.write(type.type)
        try writer.write(type.defaultValue, depth: 0)
        writer.write(number: UInt64(type.scope.rawValue))
        writer.write(number: UInt64(type.flavor.rawValue))
        return writer.bytes
    }

    static func record(of instance: CIMInstance) throws(RecordError) -> [UInt8] {
        var writer = RecordWriter()
        if instance.hasQualifiers { writer.bytes = [versionWithQualifiers] }
        try writer.write(instance, depth: 0)
        guard instance.hasQualifiers else { return writer.bytes }
        try writer.write(instance.qualifiers)
        writer.write(number: UInt64(instance.propertyQualifiers.count))
        for property in instance.propertyQualifiers {
            writer.write(property.name)
            try writer.write(property.qualifiers)
        }
        return writer.bytes
    }

    // MARK: - Plain parts

    private mutating func write(byte: UInt8) { bytes.append(byte) }

    private mutating func write(number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    private mutating func write(fixed number: some FixedWidthInteger) {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
    }

    private mutating func write(_ text: String) {
        write(number: UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }

    private mutating func write(_ text: String?) {
        write(byte: text == nil ? 0 : 1)
        if let text { write(text) }
    }

    // MARK: - Classes

    private mutating func write(_ type: CIMTypeReference) {
        write(number: UInt64(type.base.rawValue))
        write(byte: (type.isArray ? 1 : 0) | (type.arraySize != nil ? 2 : 0))
        if let size = type.arraySize { write(fixed: Int64(size)) }
        write(type.className)
    }

    private mutating func write(_ qualifiers: [CIMQualifier]) throws(RecordError) {
        write(number: UInt64(qualifiers.count))
        for qualifier in qualifiers {
            write(qualifier.name)
            write(number: UInt64(qualifier.flavor.rawValue))
            try write(qualifier.value, depth: 0)
        }
    }

    private mutating func write(_ declared: CIMClass) throws(RecordError) {
        write(declared.name)
        write(declared.superclass)
        write(number: UInt64(declared.derivation.count))
        for ancestor in declared.derivation { write(ancestor) }
        try write(declared.qualifiers)
        write(number: UInt64(declared.properties.count))
        for property in declared.properties {
            write(property.name)
            write(property.type)
            try write(property.defaultValue, depth: 0)
            try write(property.qualifiers)
            write(property.origin)
        }
        write(number: UInt64(declared.methods.count))
        for method in declared.methods {
            write(method.name)
            write(byte: method.returnType == nil ? 0 : 1)
            if let type = method.returnType { write(type) }
            write(number: UInt64(method.parameters.count))
            for parameter in method.parameters {
                write(parameter.name)
                write(parameter.type)
                try write(parameter.qualifiers)
            }
            try write(method.qualifiers)
            write(method.origin)
        }
    }

    // MARK: - Values

    private mutating func write(_ instance: CIMInstance, depth: Int) throws(RecordError) {
        guard depth < RecordError.maximumDepth else { throw .tooDeep }
        write(instance.className)
        write(byte: instance.path == nil ? 0 : 1)
        if let path = instance.path { try write(path, depth: depth + 1) }
        write(number: UInt64(instance.properties.count))
        for property in instance.properties {
            write(property.name)
            try write(property.value, depth: depth + 1)
        }
    }

    private mutating func write(_ path: CIMObjectPath, depth: Int) throws(RecordError) {
        guard depth < RecordError.maximumDepth else { throw .tooDeep }
        write(path.server)
        write(path.namespace)
        write(path.className)
        switch path.keys {
        case .none: write(byte: 0)
        case .singleton: write(byte: 1)
        case .keys(let keys):
            write(byte: 2)
            write(number: UInt64(keys.count))
            for key in keys {
                write(key.name)
                switch key.value {
                case .reference(let nested):
                    write(byte: UInt8(CIMType.reference.rawValue))
                    try write(nested, depth: depth + 1)
                default: try write(key.value.value, depth: depth + 1)
                }
            }
        }
    }

    private mutating func write(_ value: CIMValue, depth: Int) throws(RecordError) {
        guard depth < RecordError.maximumDepth else { throw .tooDeep }
        if case .array(let base, let elements) = value {
            write(byte: RecordTag.array)
            write(byte: UInt8(base.rawValue))
            write(number: UInt64(elements.count))
            for element in elements { try write(element, depth: depth + 1) }
            return
        }
        guard let type = value.scalarType else { return write(byte: RecordTag.null) }
        write(byte: UInt8(type.rawValue))
        switch value {
        case .null, .array: break
        case .boolean(let flag): write(byte: flag ? 1 : 0)
        case .uint8(let number): write(fixed: number)
        case .sint8(let number): write(fixed: number)
        case .uint16(let number), .char16(let number): write(fixed: number)
        case .sint16(let number): write(fixed: number)
        case .uint32(let number): write(fixed: number)
        case .sint32(let number): write(fixed: number)
        case .uint64(let number): write(fixed: number)
        case .sint64(let number): write(fixed: number)
        case .real32(let number): write(fixed: number.bitPattern)
        case .real64(let number): write(fixed: number.bitPattern)
        case .string(let text): write(text)
        case .datetime(let time): write(time.description)
        case .reference(let path): try write(path, depth: depth + 1)
        case .object(let instance): try write(instance, depth: depth + 1)
        }
    }
}

/// The tags that are no type: those are written by their number (Semantics H.2).
enum RecordTag {
    static let null: UInt8 = 0
    static let array: UInt8 = 1
}
