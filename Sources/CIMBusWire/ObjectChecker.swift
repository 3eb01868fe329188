import CIM
import DBus

/// Reads objects from a message, checks each against its class, and writes them as every receiver gets them: the class's types, spellings
/// and system properties (Design 3, Objects). It is the one place where objects are checked.
///
/// It works on bytes: where the type on the wire is the class's own, a value is copied and never decoded. Else it is read as what it was meant
/// to be (``CIMValue/read(as:)``).
public struct ObjectChecker: ~Copyable {
    /// What the objects must be.
    public enum Expectation: Sendable {
        /// Instances of this class, or of a class derived from it.
        case instances(of: ObjectLayout)
        /// The parameters of a method.
        case parameters(ObjectLayout)
    }

    /// Finds a class of the namespace by name, in any case.
    public typealias Lookup = (_ className: String) -> ObjectLayout?

    let expectation: Expectation
    let base: ObjectLayout
    let lookup: Lookup
    /// Whether system properties that follow from the class and the keys are written (a client may leave them out).
    private let derived: Bool
    /// Whether the qualifiers of an instance are kept: those of stored ones are, a provider's objects have none.
    private let keepsQualifiers: Bool
    private var qualified = CIMInstance(className: "")
    /// Whether a value that does not fit its property becomes NULL (``lost``) and is no fault of the whole object.
    let losesMisfits: Bool
    /// The values that became NULL.
    public internal(set) var lost = LostValues()
    private var writer = BodyWriter()
    private var ranges: [Range<Int>] = []
    private var last: ObjectLayout
    private var seen: [Bool] = []
    private var keyValues: [CIMValue] = []
    private var path: [UInt8] = []

    /// The relative path of the last object, empty when a key is missing or it has none.
    public var relativePath: String { String(decoding: path, as: UTF8.self) }

    /// The most bytes that all objects may take as they are written, system properties included: a wider type, or a key that stands in two
    /// paths, makes an object grow, and the message bus disconnects whoever sends 32 MiB.
    static let largestBatch = Contract.largestObject + (64 << 10)
    /// A longer path is nobody's: none can be read again (``CIMObjectPath/maximumLength``, in UTF-8).
    static let longestPath = 4 * CIMObjectPath.maximumLength

    /// - Parameters:
    ///   - keepsQualifiers: whether the qualifiers of instances go with them.
    ///   - losingMisfits: for objects that are read and not written: what is no instance of the class, and a key that does not fit, is a fault
    ///     still.
    public init(
        _ expectation: Expectation, derivedSystemProperties: Bool = true, keepsQualifiers: Bool = false, losingMisfits: Bool = false,
        lookup: @escaping Lookup
    ) {
        self.expectation = expectation
        switch expectation {
        case .instances(let layout), .parameters(let layout): base = layout
        }
        last = base
        self.lookup = lookup
        derived = derivedSystemProperties
        self.keepsQualifiers = keepsQualifiers
        losesMisfits = losingMisfits
    }

    /// All objects of an `aa{sv}`.
    public mutating func checkArray(_ reader: inout BodyReader) throws(ObjectFault) {
        do {
            let end = try reader.enterArray(elementAlignment: 4)
            writer.reserve(min(end - reader.position, 1 << 20) * 2)
            while !reader.isAtEnd(of: end) { try check(&reader) }
            try reader.leaveArray(end)
        } catch { throw Self.fault(error, ranges.count) }
    }

    /// One object, an `a{sv}`.
    public mutating func checkObject(_ reader: inout BodyReader) throws(ObjectFault) {
        do { try check(&reader) } catch { throw Self.fault(error, nil) }
    }

    private static func fault(_ error: any Error, _ index: Int?) -> ObjectFault {
        var fault = ObjectFault(error)
        if let index { fault.description = "object \(index): \(fault.description)" }
        return fault
    }

    public consuming func finish() throws(ObjectFault) -> ObjectBatch {
        let ranges = ranges
        do { return ObjectBatch(bytes: try writer.finish(), ranges: ranges) } catch { throw ObjectFault(error) }
    }

    // MARK: - One object

    private mutating func check(_ reader: inout BodyReader) throws {
        let end = try reader.enterArray(elementAlignment: 8)
        guard end - reader.position <= Contract.largestObject else {
            throw ObjectFault("it takes \(end - reader.position) bytes, more than 8 MiB", kind: .tooLarge)
        }
        let layout = try layout(reader, end)
        writer.beginStruct()
        let start = writer.count
        if derived {
            layout.constants.withUnsafeBytes { writer.append(block: $0, phase: 0) }
        } else {
            writer.append(.className, .string(layout.className))
        }
        seen.removeAll(keepingCapacity: true)
        seen.append(contentsOf: repeatElement(false, count: layout.slots.count))
        keyValues.removeAll(keepingCapacity: true)
        keyValues.append(contentsOf: repeatElement(.null, count: layout.keys.count))
        if keepsQualifiers { qualified = CIMInstance(className: layout.className) }
        var likely = 0
        var hasClass = false
        while !reader.isAtEnd(of: end) {
            try reader.enterDictEntry()
            let name = try reader.readStringBytes()
            if SystemProperty.isName(name) {
                if keepsQualifiers, let list = FeatureList.qualifierList(named: name) {
                    try qualified.take(try reader.readVariant(), as: list) { name in layout.slot(named: name).map { layout.slots[$0].name }
                    }
                    continue
                }
                let types = try reader.readSignatureBytes()
                try reader.skip(types: types)
                if CIMName.equal(name, SystemProperty.className.rawValue) {
                    // Two of them would be two classes, one for whoever reads the first and one for the others.
                    guard !hasClass else { throw ObjectFault("__CLASS is there twice") }
                    hasClass = true
                }
                continue
            }
            guard let index = layout.slot(named: name, likely: likely) else {
                throw ObjectFault("\(layout.className) has no property \(String(decoding: name.prefix(255), as: UTF8.self))")
            }
            guard !seen[index] else { throw ObjectFault("property \(layout.slots[index].name) of \(layout.className) is there twice") }
            seen[index] = true
            likely = index + 1
            try copy(&reader, index, in: layout)
        }
        try reader.leaveArray(end)
        if keepsQualifiers { writer.append(qualifiersOf: qualified) }
        path.removeAll(keepingCapacity: true)
        layout.appendPath(keyValues, to: &path)
        if derived { writer.append(path: path, of: layout) }
        guard writer.count <= Self.largestBatch else {
            throw ObjectFault("it takes \(writer.count - start) bytes in its class's types, too many for a message", kind: .tooLarge)
        }
        ranges.append(start..<writer.count)
    }

    /// The class an object says it is of: the one expected, or derived from it.
    private mutating func layout(_ reader: borrowing BodyReader, _ end: Int) throws -> ObjectLayout {
        if case .parameters = expectation { return base }
        guard let name = try reader.className(before: end) else { throw ObjectFault("it has no __CLASS") }
        if ObjectLayout.equal(name, last.className) { return last }
        let className = String(decoding: name, as: UTF8.self)
        guard let layout = lookup(className) else { throw ObjectFault("its class \(className.prefix(255)) does not exist") }
        guard layout.declaration?.isSameOrDerived(from: base.className) == true else {
            throw ObjectFault("it is of class \(layout.className), which is neither \(base.className) nor derived from it")
        }
        // Its path would be one that nobody answers.
        guard layout.declaration?.isUnserved == false else {
            throw ObjectFault("it is of class \(layout.className), which is dynamic and names no provider")
        }
        last = layout
        return layout
    }

    /// Writes one property, in the class's spelling and type.
    private mutating func copy(_ reader: inout BodyReader, _ index: Int, in layout: ObjectLayout) throws {
        let slot = layout.slots[index]
        let key = slot.isKey ? layout.keys.firstIndex(of: index) : nil
        var probe = reader
        let signature = try probe.readSignatureBytes()
        if slot.wire.isPlain, slot.signature.utf8CodeUnitCount == signature.count,
            signature.elementsEqual(UnsafeBufferPointer(start: slot.signature.utf8Start, count: slot.signature.utf8CodeUnitCount))
        {
            if let key {
                let value = try reader.readVariant()
                keyValues[key] = canonical(value.converted(to: slot.type) ?? value)
            }
            reader = probe
            writer.beginDictEntry()
            writer.append(string: slot.name)
            writer.beginVariant(slot.signature)
            return try copyPlain(&reader, slot)
        }
        guard let value = try fitted(&reader, slot, in: layout) else { return }
        if let key { keyValues[key] = value }
        writer.beginDictEntry()
        writer.append(string: slot.name)
        writer.append(variant: value)
    }

    private mutating func copyPlain(_ reader: inout BodyReader, _ slot: ObjectLayout.Slot) throws {
        guard slot.type.isArray else { return try writer.append(slot.wire, from: &reader) }
        let end = try reader.enterArray(elementAlignment: slot.wire.alignment)
        let array = writer.beginArray(elementAlignment: slot.wire.alignment)
        while !reader.isAtEnd(of: end) { try writer.append(slot.wire, from: &reader) }
        try reader.leaveArray(end)
        writer.endArray(array)
    }
}
