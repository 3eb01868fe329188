import CIM
import DBus

/// How values of a CIM type lie on the wire (Design 3, Objects).
///
/// The table of these, ``CIM/CIMType/wireLayout``, is the one place that says which D-Bus type a CIM type has, how wide it is and how it is
/// aligned. Whoever writes, reads, copies or skips values derives what to do from it. ``ObjectLayout`` looks a property's row up once.
package struct WireLayout: Sendable {
    /// The D-Bus types that CIM values have.
    enum Kind: Sendable {
        case boolean, byte, int16, uint16, int32, uint32, int64, uint64, double, string, dictionary
    }

    /// What a value takes, and so how to go past it.
    enum Extent: Hashable, Sendable {
        /// A number of so many bytes, aligned to as many.
        case fixed(UInt8)
        /// A length, so many bytes of text, a NUL.
        case text
        /// A length, then elements with this alignment.
        case array(elementAlignment: UInt8)
    }

    let kind: Kind
    /// The type as which a value is read where no class says more: the wire has one type for several.
    let shown: CIMType
    package let signature: StaticString
    package let arraySignature: StaticString
    let extent: Extent
    /// Whether everything that the D-Bus type holds is a value of the CIM type: then bytes of that D-Bus type are copied without a look at
    /// the value.
    private(set) var isPlain = true

    @inline(__always)
    private init(_ kind: Kind, shown: CIMType, _ signature: StaticString, array: StaticString, _ extent: Extent) {
        self.kind = kind
        self.shown = shown
        self.signature = signature
        arraySignature = array
        self.extent = extent
    }

    fileprivate static var boolean: Self { Self(.boolean, shown: .boolean, "b", array: "ab", .fixed(4)) }
    fileprivate static var byte: Self { Self(.byte, shown: .uint8, "y", array: "ay", .fixed(1)) }
    fileprivate static var int16: Self { Self(.int16, shown: .sint16, "n", array: "an", .fixed(2)) }
    fileprivate static var uint16: Self { Self(.uint16, shown: .uint16, "q", array: "aq", .fixed(2)) }
    fileprivate static var int32: Self { Self(.int32, shown: .sint32, "i", array: "ai", .fixed(4)) }
    fileprivate static var uint32: Self { Self(.uint32, shown: .uint32, "u", array: "au", .fixed(4)) }
    fileprivate static var int64: Self { Self(.int64, shown: .sint64, "x", array: "ax", .fixed(8)) }
    fileprivate static var uint64: Self { Self(.uint64, shown: .uint64, "t", array: "at", .fixed(8)) }
    fileprivate static var double: Self { Self(.double, shown: .real64, "d", array: "ad", .fixed(8)) }
    fileprivate static var string: Self { Self(.string, shown: .string, "s", array: "as", .text) }
    fileprivate static var dictionary: Self { Self(.dictionary, shown: .object, "a{sv}", array: "aa{sv}", .array(elementAlignment: 8)) }

    /// The same for a CIM type that has fewer values than the D-Bus type.
    fileprivate var narrowed: Self {
        var layout = self
        layout.isPlain = false
        return layout
    }

    /// The alignment of a value on the wire, in bytes.
    var alignment: Int {
        switch extent {
        case .fixed(let width): Int(width)
        case .text, .array: 4
        }
    }

    /// What an array of such values takes.
    var arrayExtent: Extent { .array(elementAlignment: UInt8(alignment)) }
}

extension CIMType {
    /// How values of this type lie on the wire. A constant for each type: where one field is asked for, no more is made of it.
    @inline(__always)
    package var wireLayout: WireLayout {
        switch self {
        case .boolean: .boolean
        case .uint8: .byte
        case .sint8: .int16.narrowed
        case .uint16, .char16: .uint16
        case .sint16: .int16
        case .uint32: .uint32
        case .sint32: .int32
        case .uint64: .uint64
        case .sint64: .int64
        case .real32: .double.narrowed
        case .real64: .double
        case .string: .string
        case .datetime, .reference: .string.narrowed
        case .object: .dictionary.narrowed
        }
    }

    /// Whether a value without a class to say more is read as another type.
    var isHiddenByWire: Bool { wireLayout.shown != self }

    /// The type of a scalar whose D-Bus signature is this one byte, where no class says more; nil for `o`, `g`, `h` and `v`, which no CIM type
    /// is written as, and for what is no scalar.
    init?(wireCode: UInt8) {
        guard wireCode < Self.byWireCode.count, let type = Self.byWireCode[Int(wireCode)] else { return nil }
        self = type
    }

    private static let byWireCode: [CIMType?] = {
        var types = [CIMType?](repeating: nil, count: 128)
        for type in allCases where !type.isHiddenByWire && type != .object {
            types[Int(type.wireLayout.signature.utf8Start.pointee)] = type
        }
        return types
    }()
}

extension BodyReader {
    /// Goes past a value.
    @inline(__always)
    mutating func skip(_ extent: WireLayout.Extent) throws(DBusDecodingError) {
        switch extent {
        case .fixed(let width): try skipFixed(Int(width))
        case .text: _ = try readStringBytes()
        case .array(let alignment): try skipArray(elementAlignment: Int(alignment))
        }
    }

    /// A scalar, as the type that the wire shows of it: sint16 for a sint8, a string for a datetime.
    mutating func readScalar(_ kind: WireLayout.Kind) throws -> CIMValue {
        switch kind {
        case .boolean: .boolean(try readBoolean())
        case .byte: .uint8(try readByte())
        case .int16: .sint16(try readInt16())
        case .uint16: .uint16(try readUInt16())
        case .int32: .sint32(try readInt32())
        case .uint32: .uint32(try readUInt32())
        case .int64: .sint64(try readInt64())
        case .uint64: .uint64(try readUInt64())
        case .double: .real64(try readDouble())
        case .string: .string(try readString())
        case .dictionary: .object(try readInstance(Depth(objects: 1, containers: 4)))
        }
    }
}

extension BodyWriter {
    /// Copies a plain scalar without decoding it.
    mutating func append(_ layout: WireLayout, from reader: inout BodyReader) throws {
        switch layout.extent {
        case .fixed where layout.kind == .boolean: append(boolean: try reader.readBoolean())
        case .fixed(1): append(byte: try reader.readByte())
        case .fixed(2): append(uint16: try reader.readUInt16())
        case .fixed(4): append(uint32: try reader.readUInt32())
        case .fixed: append(uint64: try reader.readUInt64())
        case .text: append(stringBytes: try reader.readStringBytes())
        case .array: throw ObjectFault("an embedded object is not plain")
        }
    }
}
