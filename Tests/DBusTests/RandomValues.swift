import DBus
import SeededRandom

/// Random values of every type, the same ones for the same seed.
struct RandomValues: RandomNumberGenerator {
    private var random: SeededGenerator

    init(seed: UInt64) { random = SeededGenerator(seed: seed) }

    mutating func next() -> UInt64 { random.next() }

    mutating func text() -> String {
        let alphabet: [Character] = ["a", "Z", "0", " ", "é", "€", "𝄞", "\n", "\u{FFFE}", "'"]
        return String((0..<Int.random(in: 0...20, using: &self)).compactMap { _ in alphabet.randomElement(using: &self) })
    }

    mutating func basic() -> DBusValue {
        value(of: ["y", "b", "n", "q", "i", "u", "x", "t", "d", "s", "o", "g"].randomElement(using: &self) ?? "s")
    }

    mutating func type(depth: Int) -> String {
        let basics = ["y", "b", "n", "q", "i", "u", "x", "t", "d", "s", "o", "g", "v"]
        let choice = depth <= 0 ? 0 : Int.random(in: 0..<6, using: &self)
        switch choice {
        case 3: return "a" + type(depth: depth - 1)
        case 4: return "(" + (0..<Int.random(in: 1...3, using: &self)).map { _ in type(depth: depth - 1) }.joined() + ")"
        case 5: return "a{" + (basics.dropLast().randomElement(using: &self) ?? "s") + type(depth: depth - 1) + "}"
        default: return basics.randomElement(using: &self) ?? "s"
        }
    }

    mutating func value(depth: Int) -> DBusValue { value(of: type(depth: depth), depth: depth) }

    mutating func value(of type: String, depth: Int = 2) -> DBusValue {
        switch type {
        case "y": return .byte(UInt8(truncatingIfNeeded: next()))
        case "b": return .boolean(next() & 1 == 1)
        case "n": return .int16(Int16(truncatingIfNeeded: next()))
        case "q": return .uint16(UInt16(truncatingIfNeeded: next()))
        case "i": return .int32(Int32(truncatingIfNeeded: next()))
        case "u": return .uint32(UInt32(truncatingIfNeeded: next()))
        case "x": return .int64(Int64(truncatingIfNeeded: next()))
        case "t": return .uint64(next())
        case "d": return .double(Double(Int64(truncatingIfNeeded: next())) / 3)
        case "s": return .string(text())
        case "o": return .objectPath(ObjectPath.root.appending(escaping: text()))
        case "g": return .signature((try? Signature("a{sv}i")) ?? .empty)
        case "v": return .variant(value(depth: depth - 1))
        default: break
        }
        let inner = String(type.dropFirst())
        if type.hasPrefix("(") {
            let fields = (try? Signature(String(inner.dropLast())))?.types ?? []
            return .structure(fields.map { value(of: $0.text, depth: depth - 1) })
        }
        let count = Int.random(in: 0...3, using: &self)
        if inner == "y" { return .bytes((0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }) }
        if inner.hasPrefix("{") {
            let types = (try? Signature(String(inner.dropFirst().dropLast())))?.types ?? []
            let entries = (0..<count).map { _ in
                DBusValue.dictEntry(value(of: types[0].text, depth: 0), value(of: types[1].text, depth: depth - 1))
            }
            return .array(element: Signature(verified: inner), entries)
        }
        return .array(element: Signature(verified: inner), (0..<count).map { _ in value(of: inner, depth: depth - 1) })
    }
}
