import CDBus

/// Why a message that came from the bus is none. Where it is found in the first 16 bytes, nobody knows where the next message begins.
struct MessageFault: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// The first 16 bytes of a message, by which the stream is cut.
struct MessageStart {
    static let size = 16
    private static let version: UInt8 = 1

    /// Whether its numbers are of the other byte order than this machine's.
    let isSwapped: Bool
    let type: UInt8
    let flags: UInt8
    let serial: UInt32
    /// Where the fields end. They are followed by zeros up to a multiple of 8, and the body.
    let fieldsEnd: Int
    let bodyLength: Int

    var isBigEndian: Bool { isSwapped != BodyReader.hostIsBigEndian }
    var bodyStart: Int { (fieldsEnd &+ 7) & ~7 }
    var length: Int { bodyStart &+ bodyLength }

    /// - Parameters:
    ///   - bytes: at least ``size`` of them.
    ///   - most: the largest message that is taken.
    init(reading bytes: UnsafeRawBufferPointer, most: Int) throws(MessageFault) {
        let order = bytes[0]
        guard order == UInt8(ascii: "l") || order == UInt8(ascii: "B") else { throw MessageFault("no byte order is \(order)") }
        let isSwapped = (order == UInt8(ascii: "B")) != BodyReader.hostIsBigEndian
        self.isSwapped = isSwapped
        type = bytes[1]
        flags = bytes[2]
        guard bytes[3] == Self.version else { throw MessageFault("it is of version \(bytes[3]) of the protocol, not \(Self.version)") }
        func number(_ offset: Int) -> UInt32 {
            let number = bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
            return isSwapped ? number.byteSwapped : number
        }
        bodyLength = Int(number(4))
        serial = number(8)
        let fieldsLength = Int(number(12))
        fieldsEnd = Self.size + fieldsLength
        guard fieldsLength <= BodyReader.maximumArrayLength else { throw MessageFault("its fields have \(fieldsLength) bytes") }
        guard length <= min(most, BodyWriter.maximumMessageLength) else {
            throw MessageFault("it has \(length) bytes; \(min(most, BodyWriter.maximumMessageLength)) are the most")
        }
    }
}

/// What the header of a received message says. Every field that is known has been checked, as have the fields that are not.
struct ReceivedHeader {
    /// Where a text lies in the message.
    struct Place {
        var start: UInt32 = 0
        var count: UInt32 = 0

        /// No field lies at the start of a message.
        var isThere: Bool { start != 0 }

        func bytes(in message: UnsafeRawPointer) -> UnsafeRawBufferPointer {
            UnsafeRawBufferPointer(start: message + Int(start), count: Int(count))
        }
    }

    let start: MessageStart
    private(set) var path: String?
    private(set) var interface: String?
    private(set) var member: String?
    private(set) var sender: String?
    private(set) var errorName = Place()
    private(set) var destination = Place()
    private(set) var signature = Place()
    private(set) var replySerial: UInt32 = 0
    /// How many file descriptors come along.
    private(set) var descriptors: UInt32 = 0
    private var seen: UInt16 = 0
    /// The first thing that is wrong. What was read all the same can be used to tell the sender.
    private(set) var fault: MessageFault?

    /// - Parameter message: from its start to the start of its body at least; or else what there is of it.
    init(_ start: MessageStart, reading message: UnsafeRawBufferPointer, _ names: inout NameCache) {
        self.start = start
        if start.type == UInt8(DBUS_MESSAGE_TYPE_INVALID) { note("its type is 0") }
        if start.serial == 0 { note("its serial is 0") }
        read(message, &names)
    }

    private mutating func read(_ message: UnsafeRawBufferPointer, _ names: inout NameCache) {
        guard message.count >= start.bodyStart else { return note("it ends within its header") }
        let fields = UnsafeRawBufferPointer(rebasing: message[..<start.fieldsEnd])
        var at = MessageStart.size
        while at < start.fieldsEnd {
            guard let next = field(at: at, in: fields, &names) else { return }
            at = next
        }
        guard message[start.fieldsEnd..<start.bodyStart].allSatisfy({ $0 == 0 }) else { return note("padding is not zero") }
        checkWhatIsThere()
    }

    /// Notes what is wrong with the message. What was noted before is more to the point.
    mutating func note(_ fault: String) {
        if self.fault == nil { self.fault = MessageFault(fault) }
    }

    /// Reads one field.
    /// - Returns: where the next one may begin; nil: that cannot be said.
    private mutating func field(at last: Int, in fields: UnsafeRawBufferPointer, _ names: inout NameCache) -> Int? {
        let at = (last &+ 7) & ~7
        guard at &+ 4 <= fields.count, let base = fields.baseAddress else { return stop("a field runs past the fields") }
        for padding in last..<at where fields[padding] != 0 { return stop("padding is not zero") }
        let code = fields[at]
        guard let field = HeaderField(rawValue: code) else {
            if code == 0 { note("a field has the code 0") }
            return skip(at, in: fields)
        }
        // The type of the value: its length, its one letter, and its terminator.
        guard fields[at &+ 1] == 1, fields[at &+ 2] == field.type, fields[at &+ 3] == 0 else {
            note("the \(field) is of another type")
            return skip(at, in: fields)
        }
        if seen & field.bit != 0 { note("the \(field) comes twice") }
        seen |= field.bit
        let value = field == .signature ? at &+ 5 : at &+ 8
        guard value <= fields.count else { return stop("the \(field) runs past the fields") }
        let length: Int
        switch field {
        case .replySerial, .unixFDs:
            let number = number(base, at &+ 4)
            if field == .replySerial { set(replySerial: number) } else { descriptors = number }
            return value
        case .signature: length = Int(fields[at &+ 4])
        case .path, .interface, .member, .errorName, .destination, .sender, .containerInstance: length = Int(number(base, at &+ 4))
        }
        guard length < fields.count &- value else { return stop("the \(field) runs past the fields") }
        guard fields[value &+ length] == 0 else { return stop("the \(field) has no terminator") }
        set(field, UnsafeRawBufferPointer(start: base + value, count: length), at: value, &names)
        return value &+ length &+ 1
    }

    private mutating func stop(_ fault: String) -> Int? {
        note(fault)
        return nil
    }

    private func number(_ base: UnsafeRawPointer, _ offset: Int) -> UInt32 {
        let number = base.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        return start.isSwapped ? number.byteSwapped : number
    }

    private mutating func set(replySerial number: UInt32) {
        if number == 0 { note("it answers the serial 0") }
        replySerial = number
    }

    private mutating func set(_ field: HeaderField, _ text: UnsafeRawBufferPointer, at offset: Int, _ names: inout NameCache) {
        let place = Place(start: UInt32(truncatingIfNeeded: offset), count: UInt32(truncatingIfNeeded: text.count))
        // Its types are checked with the body.
        if field == .signature { return signature = place }
        guard let name = names.text(field, text) else {
            // Quoted: what a peer wrote must not look like a line of a log.
            return note(
                "the \(field) \(String(reflecting: String(decoding: text.prefix(300), as: UTF8.self))): \(field.fault(of: text) ?? "")")
        }
        switch field {
        case .path: path = name
        case .interface: interface = name
        case .member: member = name
        case .sender: sender = name
        case .errorName: errorName = place
        case .destination: destination = place
        case .replySerial, .signature, .unixFDs, .containerInstance: break
        }
    }

    /// Goes past a field that is not known, or not of its type.
    private mutating func skip(_ at: Int, in fields: UnsafeRawBufferPointer) -> Int? {
        do throws(BodyValidator.Fault) {
            return try BodyValidator.end(ofVariantAt: at &+ 1, in: fields, isSwapped: start.isSwapped)
        } catch {
            return stop("field \(fields[at]): \(error.reason)")
        }
    }

    /// Whether a message of its type has what it needs.
    private mutating func checkWhatIsThere() {
        let needed: UInt16
        switch Int32(start.type) {
        case DBUS_MESSAGE_TYPE_METHOD_CALL: needed = HeaderField.path.bit | HeaderField.member.bit
        case DBUS_MESSAGE_TYPE_METHOD_RETURN: needed = HeaderField.replySerial.bit
        case DBUS_MESSAGE_TYPE_ERROR: needed = HeaderField.errorName.bit | HeaderField.replySerial.bit
        case DBUS_MESSAGE_TYPE_SIGNAL: needed = HeaderField.path.bit | HeaderField.interface.bit | HeaderField.member.bit
        // A type that is not known may have anything.
        default: needed = 0
        }
        let missing = needed & ~seen
        if missing != 0, let field = HeaderField(rawValue: UInt8(missing.trailingZeroBitCount)) { note("it has no \(field)") }
    }

    /// Checks the body.
    /// - Parameter message: all of it.
    mutating func check(_ message: UnsafeRawBufferPointer) {
        guard fault == nil, let base = message.baseAddress else { return }
        do throws(BodyValidator.Fault) {
            try BodyValidator.check(
                UnsafeRawBufferPointer(rebasing: message[start.bodyStart...]), against: signature.bytes(in: base),
                isSwapped: start.isSwapped, descriptors: .max)
        } catch {
            let types = String(decoding: signature.bytes(in: base).map { $0 > 0x20 && $0 < 0x7F ? $0 : UInt8(ascii: "?") }, as: UTF8.self)
            note("its body is not (\(types)): \(error.reason) at byte \(error.position)")
        }
    }
}
