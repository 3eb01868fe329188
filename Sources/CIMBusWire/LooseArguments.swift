import CIM
import DBus

/// Arguments as libraries write them that know no types, or have types of their own: `(uuaa{sv})`, `iiav`, `ttaa{ss}` for `uuaa{sv}`.
///
/// The member decides what is meant. Integers are any integers that fit, an `a{sv}` is any dictionary with text for its keys, an `aa{sv}` any
/// array of such dictionaries, an empty array of any type is an empty one, and one structure or list of variants may stand around all. What
/// comes out has the member's own signature. ``Interfaces`` describes the members.
public struct LooseArguments: ~Copyable {
    private var reader: BodyReader
    private var writer = BodyWriter()

    /// The longest body that is read so: what any member may be sent, and a text for the MOF compiler.
    private static let largest = 17 << 20

    /// A body of exactly these arguments. Throws what is wrong, in words that name the argument.
    public static func read(
        _ message: Message, as arguments: [InterfaceDescription.Argument]
    ) throws(ObjectFault) -> BodyReader {
        guard message.bodySize <= largest else {
            throw ObjectFault("it takes \(message.bodySize) bytes, too many to be read in another form", kind: .tooLarge)
        }
        return try read(message.reader, Signature(verified: message.signature), as: arguments)
    }

    /// The same for a body whose signature is known.
    public static func read(
        _ body: BodyReader, _ signature: Signature, as arguments: [InterfaceDescription.Argument]
    ) throws(ObjectFault) -> BodyReader {
        var loose = LooseArguments(reader: body)
        do {
            try loose.readAll(signature, arguments)
            let bytes = try loose.writer.finish()
            return bytes.withUnsafeBytes { BodyReader(copying: $0) }
        } catch {
            throw ObjectFault(error)
        }
    }

    private init(reader: BodyReader) { self.reader = reader }

    // MARK: - All of them

    private mutating func readAll(_ signature: Signature, _ arguments: [InterfaceDescription.Argument]) throws {
        var types = signature.types
        // One structure, variant or list of variants around them.
        var depth = 0
        while types.count == 1, arguments.count != 1 || types[0].text.utf8.first == UInt8(ascii: "("), depth < Nesting.containers {
            depth += 1
            if types[0].text == "v" {
                types = [try reader.readVariantSignature()]
            } else if types[0].text.utf8.first == UInt8(ascii: "(") {
                try reader.enterStruct()
                types = Signature(verified: String(types[0].text.dropFirst().dropLast())).types
            } else if types[0].text == "av" {
                let end = try reader.enterArray(elementAlignment: 1)
                for argument in arguments {
                    guard !reader.isAtEnd(of: end) else { throw ObjectFault("\(argument.name) is missing") }
                    try read(argument, Signature(verified: "v"))
                }
                guard reader.isAtEnd(of: end) else { throw ObjectFault("there are more than \(arguments.count) values") }
                return
            } else {
                break
            }
        }
        guard types.count == arguments.count else { throw ObjectFault("\(types.count) values, not \(arguments.count)") }
        for (argument, type) in zip(arguments, types) { try read(argument, type) }
    }

    private mutating func read(_ argument: InterfaceDescription.Argument, _ type: Signature) throws {
        let type = try withoutVariants(type)
        switch argument.signature.text {
        case "a{sv}": try readDictionary(type, argument.name)
        case "aa{sv}": try readDictionaries(type, argument.name)
        case let wanted where wanted == type.text: try copy(type)
        case "s", "o": try readText(type, argument)
        default: try readScalar(type, argument)
        }
    }

    /// Goes into variants, however many stand around the value.
    private mutating func withoutVariants(_ type: Signature) throws -> Signature {
        var type = type
        var depth = 0
        while type.text == "v" {
            depth += 1
            guard depth <= Nesting.containers else { throw ObjectFault("variants nest too deep", kind: .tooDeep) }
            type = try reader.readVariantSignature()
        }
        return type
    }

    private mutating func copy(_ type: Signature) throws { try writer.append(type, from: &reader) }

    // MARK: - One value

    private mutating func readText(_ type: Signature, _ argument: InterfaceDescription.Argument) throws {
        guard type.isScalar, let text = try reader.readValue(type).text,
            let path = try? ObjectPath(argument.signature.text == "o" ? text : "/")
        else {
            throw ObjectFault("\(argument.name) is (\(type)), not (\(argument.signature))")
        }
        if argument.signature.text == "o" { writer.append(objectPath: path) } else { writer.append(string: text) }
    }

    private mutating func readScalar(_ type: Signature, _ argument: InterfaceDescription.Argument) throws {
        let value = type.isScalar ? CIMValue(scalar: try reader.readValue(type)) : nil
        guard let fitting = Self.fitting(value, argument) else {
            let what = value.map { ": \($0.briefDescription) does not fit" } ?? ""
            throw ObjectFault("\(argument.name) is (\(type)), not (\(argument.signature))\(what)")
        }
        writer.append(fitting)
    }

    private static func fitting(_ value: CIMValue?, _ argument: InterfaceDescription.Argument) -> DBusValue? {
        guard let value else { return nil }
        if argument.name == statusName, case .sint64(let number)? = value.read(asScalar: .sint64) {
            // An HRESULT is a negative number to many: its bits count.
            return (UInt32(exactly: number) ?? Int32(exactly: number).map { UInt32(bitPattern: $0) }).map { .uint32($0) }
        }
        guard argument.signature.isScalar, let type = argument.signature.text.utf8.first.flatMap({ CIMType(wireCode: $0) }) else {
            return nil
        }
        return value.read(asScalar: type).flatMap { DBusValue($0) }
    }

    /// What ``Interfaces`` calls an argument that is an HRESULT.
    private static let statusName = "hresult"

    // MARK: - Dictionaries

    private mutating func readDictionaries(_ type: Signature, _ name: String) throws {
        guard type.text.utf8.first == UInt8(ascii: "a") else { throw ObjectFault("\(name) is (\(type)), not an array of dictionaries") }
        let element = Signature(verified: String(type.text.dropFirst()))
        let end = try reader.enterArray(elementAlignment: element.alignment)
        let array = writer.beginArray(elementAlignment: 4)
        var index = 0
        while !reader.isAtEnd(of: end) {
            let inner = try withoutVariants(element)
            guard inner.isDictionary else {
                throw ObjectFault("element \(index) of \(name) is (\(inner)), no dictionary with text for its keys")
            }
            try readDictionary(inner, name)
            index += 1
        }
        try reader.leaveArray(end)
        writer.endArray(array)
    }

    private mutating func readDictionary(_ type: Signature, _ name: String) throws {
        guard type.text.utf8.first == UInt8(ascii: "a") else { throw ObjectFault("\(name) is (\(type)), no dictionary") }
        guard type.isDictionary else {
            // An empty list is an empty dictionary to who has one kind of both.
            let element = Signature(verified: String(type.text.dropFirst()))
            let end = try reader.enterArray(elementAlignment: element.alignment)
            guard reader.isAtEnd(of: end) else { throw ObjectFault("\(name) is (\(type)), no dictionary with text for its keys") }
            return writer.endArray(writer.beginArray(elementAlignment: 8))
        }
        let end = try reader.enterArray(elementAlignment: 8)
        let array = writer.beginArray(elementAlignment: 8)
        if type.text == "a{sv}", reader.hasHostByteOrder {
            // Both are at a multiple of 8: the bytes are the same.
            let start = reader.position
            reader.move(to: end)
            writer.append(block: reader.bytes(from: start), phase: 0)
        } else {
            let key = Signature(verified: String(type.text.dropFirst(2).prefix(1)))
            let value = Signature(verified: String(type.text.dropFirst(3).dropLast()))
            while !reader.isAtEnd(of: end) {
                try reader.enterDictEntry()
                writer.beginDictEntry()
                writer.append(string: try reader.readValue(key).text ?? "")
                if value.text != "v" { writer.beginVariant(value) }
                try copy(value)
            }
            try reader.leaveArray(end)
        }
        writer.endArray(array)
    }
}

extension Signature {
    fileprivate var isScalar: Bool { text.utf8.count == 1 }

    /// Whether it is one dictionary with text for its keys.
    fileprivate var isDictionary: Bool { ["a{s", "a{o", "a{g"].contains { text.hasPrefix($0) } }
}

extension LooseArguments {
    /// For the members of an interface of the contract: calls are read by the member's own description.
    public static let reader: ArgumentReader = { message, method throws(DBusError) in
        do throws(ObjectFault) {
            return try read(message, as: method.inputs)
        } catch {
            if error.changesNothing { throw DBusError(CIMError(error.status, "\(method.name): \(error.description)")) }
            throw DBusError(
                .invalidArguments, "\(method.name) takes (\(method.inputSignature)), not (\(message.signature)): \(error.description)")
        }
    }
}

extension CIMValue {
    /// A number, a boolean or a text, through variants; nil for anything else.
    public init?(scalar value: DBusValue) {
        switch value.unwrapped {
        case .byte(let value): self = .uint8(value)
        case .boolean(let value): self = .boolean(value)
        case .int16(let value): self = .sint16(value)
        case .uint16(let value): self = .uint16(value)
        case .int32(let value): self = .sint32(value)
        case .uint32(let value): self = .uint32(value)
        case .int64(let value): self = .sint64(value)
        case .uint64(let value): self = .uint64(value)
        case .double(let value): self = .real64(value)
        case .string(let value): self = .string(value)
        case .objectPath(let value): self = .string(value.text)
        case .signature(let value): self = .string(value.text)
        case .unixFD, .bytes, .array, .structure, .dictEntry, .variant: return nil
        }
    }
}
