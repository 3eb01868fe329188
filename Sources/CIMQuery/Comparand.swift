import CIM

/// A constant made ready to be compared with the values of a property.
enum Comparand: Hashable, Sendable {
    case boolean(Bool)
    case integer(Int128)
    case real(Double)
    case text(FoldedText)
    case character(UInt16)

    /// Microseconds since 1970.
    case timestamp(Int64)

    /// Microseconds.
    case interval(UInt64)

    /// The date of zeros alone, which says that no date is set.
    case unset
    case path(ReferenceComparand)

    /// For a property whose type is not known before its value is: the first that fits the value counts.
    case anyOf([Comparand])

    /// A value of one property, with which that of another is compared; nil for NULL, an array and an object, which are in no order.
    init?(_ value: CIMValue, in location: CIMLocation) {
        switch value {
        case .boolean(let flag): self = .boolean(flag)
        case .string(let text): self = .text(FoldedText(text))
        case .char16(let unit): self = .character(unit)
        case .uint64(let number): self = .integer(Int128(number))
        case .real32(let number): self = .real(Double(number))
        case .real64(let number): self = .real(number)
        case .reference(let path): self = .path(ReferenceComparand(path, in: location))
        case .datetime(let time):
            guard let comparand = Comparand(time) else { return nil }
            self = comparand
        default:
            guard let number = value.int64Value else { return nil }
            self = .integer(Int128(number))
        }
    }

    /// Nil for a time with asterisks.
    init?(_ time: CIMDateTime) {
        if time.isUnset {
            self = .unset
        } else if let microseconds = time.intervalMicroseconds {
            self = .interval(microseconds)
        } else if let microseconds = time.microsecondsSince1970 {
            self = .timestamp(microseconds)
        } else {
            return nil
        }
    }

    /// How `value` stands to the constant; nil when that is unknown: NULL, or a value of another type.
    func order(of value: CIMValue) -> Order? {
        switch self {
        case .text(let text):
            guard case .string(let string) = value else { return nil }
            return text.order(of: string)
        case .integer(let number):
            return Comparand.order(of: value, to: number)
        case .real(let number):
            return Comparand.order(of: value, to: number)
        case .boolean(let flag):
            guard case .boolean(let other) = value else { return nil }
            return flag == other ? .equal : .unordered
        case .character(let unit):
            guard let other = value.int64Value else { return nil }
            return Comparand.order(other, Int64(unit))
        case .timestamp(let microseconds):
            guard case .datetime(let time) = value else { return nil }
            return time.microsecondsSince1970.map { Comparand.order($0, microseconds) } ?? .unordered
        case .interval(let microseconds):
            guard case .datetime(let time) = value else { return nil }
            return time.intervalMicroseconds.map { Comparand.order($0, microseconds) } ?? .unordered
        case .unset:
            guard case .datetime(let time) = value else { return nil }
            return time.isUnset ? .equal : .unordered
        case .path(let path):
            guard case .reference(let other) = value else { return nil }
            return path.refers(to: other) ? .equal : .unordered
        case .anyOf(let comparands):
            for comparand in comparands {
                if let order = comparand.order(of: value) { return order }
            }
            return nil
        }
    }

    @inline(__always)
    private static func order<Value: Comparable>(_ left: Value, _ right: Value) -> Order {
        left == right ? .equal : left < right ? .less : .greater
    }

    private static func order(of value: CIMValue, to number: Int128) -> Order? {
        switch value {
        case .char16: return nil
        case .uint64(let other): return order(Int128(other), number)
        case .real32(let other): return order(number, exactlyTo: Double(other)).mirrored
        case .real64(let other): return order(number, exactlyTo: other).mirrored
        default: return value.int64Value.map { order(Int128($0), number) }
        }
    }

    private static func order(of value: CIMValue, to number: Double) -> Order? {
        switch value {
        case .char16: return nil
        case .uint64(let other): return order(Int128(other), exactlyTo: number)
        case .real32(let other): return order(ofReal: Double(other), to: number)
        case .real64(let other): return order(ofReal: other, to: number)
        default: return value.int64Value.map { order(Int128($0), exactlyTo: number) }
        }
    }

    private static func order(ofReal left: Double, to right: Double) -> Order {
        left.isNaN || right.isNaN ? .unordered : order(left, right)
    }

    /// Without rounding the integer to a real.
    private static func order(_ integer: Int128, exactlyTo real: Double) -> Order {
        if real.isNaN { return .unordered }
        let floor = real.rounded(.down)
        guard floor < 0x1p100 else { return .less }
        guard floor > -0x1p100 else { return .greater }
        let whole = Int128(floor)
        guard integer == whole else { return integer < whole ? .less : .greater }
        return real > floor ? .less : .equal
    }
}

extension Order {
    /// How the right stands to the left.
    var mirrored: Order {
        switch self {
        case .less: .greater
        case .greater: .less
        case .equal, .unordered: self
        }
    }
}
