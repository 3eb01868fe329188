import CIM
import CIMQuery
import SeededRandom

/// Random objects of class Disk and random conditions that are legal for it, from few values, so that they often meet.
struct ConditionGenerator {
    var random: SeededGenerator

    /// Texts of times, and what they are worth: seconds, or seconds of an interval.
    static let times: [String: (isInterval: Bool, value: Int)] = [
        "20260101000000.000000+000": (false, 0), "20260101010000.000000+060": (false, 0), "20251231230000.000000-060": (false, 0),
        "20260101000001.000000+000": (false, 1), "2026-01-01 00:00:01:000": (false, 1), "20260102000000.000000+000": (false, 86400),
        "00000001000000.000000:000": (true, 86400), "00000000000001.000000:000": (true, 1),
    ]

    /// Texts of paths, and which object they name.
    static let paths: [String: Int] = [
        #"Disk.Id="a""#: 1, #"DISK.ID="A""#: 1, #"\\.\root\cimv2:Disk.Id="a""#: 1, #"Disk="a""#: 1, #"Disk.Id="b""#: 2,
        #"root\other:Disk.Id="a""#: 3, "Disk": 4,
    ]

    static let timeTexts = times.keys.sorted()
    static let pathTexts = paths.keys.sorted()
    static let strings = ["", "a", "A", "ab", "AB", "b", "ä", "Ä", "a_", "[a]", "\u{FFFD}", "😀"]
    static let integers: [Int128] = [0, 1, -1, 2, 255, 1 << 53, 1 << 53 + 1, Int128(Int64.max), Int128(UInt64.max), Int128(Int64.min)]
    static let reals = [0, 0.5, 1, 1.5, -0.5, 2, 9_007_199_254_740_992, 1e19, 1e300, -1e300, 0.1]

    private mutating func value(_ type: CIMType, depth: Int) -> CIMValue {
        switch type {
        case .string: return .string(random.pick(Self.strings))
        case .uint64: return .uint64(UInt64(truncatingIfNeeded: random.pick(Self.integers)))
        case .sint32: return .sint32(Int32(truncatingIfNeeded: random.pick(Self.integers)))
        case .real64: return .real64(random.pick([0, 0.5, 1, 1.5, -0.5, 2, 9_007_199_254_740_992, 0.1]))
        case .real32: return .real32(random.pick([0, 0.5, 1, 1.5, -0.5, 2, 0.1]))
        case .boolean: return .boolean(random.below(2) == 0)
        case .datetime:
            return CIMDateTime(random.pick(Self.timeTexts + ["2026010100****.000000+000"])).map { .datetime($0) } ?? .null
        case .char16: return .char16(random.pick([0x61, 0x41, 0x62]))
        case .reference: return (try? CIMObjectPath(parsing: random.pick(Self.pathTexts))).map { .reference($0) } ?? .null
        default: return depth > 0 ? .object(instance(depth: depth - 1)) : .null
        }
    }

    mutating func instance(depth: Int = 1) -> CIMInstance {
        var instance = CIMInstance(className: random.pick(["Disk", "FastDisk", "Part"]))
        for property in Disks.disk.properties where !property.type.isArray {
            switch random.below(6) {
            case 0: break
            case 1: instance.append(name: property.name, value: .null)
            default: instance.append(name: property.name, value: value(property.type.base, depth: depth))
            }
        }
        return instance
    }

    private mutating func number() -> WQLLiteral {
        random.below(3) == 0 ? .real(random.pick(Self.reals)) : .integer(random.pick(Self.integers))
    }

    private mutating func comparison() -> WQLCondition.Comparison {
        var names: [CIMName] = []
        while random.below(5) == 0, names.count < 2 { names.append("Inner") }
        // A property that Part does not declare has no type there: the constant is what it looks like.
        let property = random.pick(Disks.disk.properties.filter { !$0.type.isArray })
        let isTyped = names.isEmpty || property.name == "Maker"
        let path = PropertyPath(
            names + [random.below(30) == 0 ? "__CLASS" : CIMName(random.below(2) == 0 ? property.name : property.name.uppercased())])
        switch random.below(8) {
        case 0: return WQLCondition.Comparison(path, random.below(2) == 0 ? .isNull : .isNotNull)
        case 1: return WQLCondition.Comparison(path, random.below(2) == 0 ? .isNull : .isNotNull)
        default: break
        }
        let operation = random.pick(RelationalOperator.allCases)
        let equality = random.below(2) == 0 ? RelationalOperator.equal : .notEqual
        if path.names.last == "__CLASS" {
            return WQLCondition.Comparison(path, .compare(equality, .string(random.pick(["disk", "FASTDISK", "x"]))))
        }
        switch property.type.base {
        case .string:
            if random.below(3) > 0 { return WQLCondition.Comparison(path, .compare(operation, .string(random.pick(Self.strings)))) }
            return WQLCondition.Comparison(
                path, .like(random.pick(["%", "a%", "%B", "_", "[ab]", "[^a]%", "ä", "", "[[]a]", "%a%", "a[_]"])))
        case .uint64, .sint32, .real64: return WQLCondition.Comparison(path, .compare(operation, number()))
        // Without its type a real32 is compared with the double, not with the nearest float.
        case .real32: return WQLCondition.Comparison(path, .compare(operation, isTyped ? number() : .integer(random.pick(Self.integers))))
        case .boolean: return WQLCondition.Comparison(path, .compare(equality, random.below(2) == 0 ? .boolean(true) : .integer(0)))
        case .datetime:
            let texts = property.name == "UpTime" ? Self.timeTexts.filter { $0.hasSuffix(":000") && $0.hasPrefix("0") } : Self.timeTexts
            return WQLCondition.Comparison(path, .compare(operation, .string(random.pick(texts))))
        case .char16:
            let name: PropertyPath = "Letter"
            return WQLCondition.Comparison(name, .compare(operation, .string(random.pick(["a", "A", "b"]))))
        case .reference: return WQLCondition.Comparison(path, .compare(equality, .string(random.pick(Self.pathTexts))))
        default: return WQLCondition.Comparison(path, .isa(random.pick(["Part", "disk", "FastDisk", "Other"])))
        }
    }

    mutating func condition(depth: Int = 3) -> WQLCondition {
        switch random.below(depth > 0 ? 5 : 1) {
        case 1: return .not(condition(depth: depth - 1))
        case 2: return .and((0...random.below(2) + 1).map { _ in condition(depth: depth - 1) })
        case 3: return .or((0...random.below(2) + 1).map { _ in condition(depth: depth - 1) })
        default: return .comparison(comparison())
        }
    }
}
