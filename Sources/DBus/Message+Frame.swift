/// A frame whose message has been checked as strictly as libdbus checks what the bus brings. A value: who sent it is not known here.
struct FrameMessage: Sendable {
    let frame: Frame
    /// With the names of a member that came as a number.
    let fields: FrameFields

    init(checking frame: Frame, _ members: MemberNumbers) throws(FrameFault) {
        var memory = FieldsMemory()
        try self.init(checking: frame, members, &memory)
    }

    /// - Parameter memory: of the fields of such frames before.
    init(checking frame: Frame, _ members: MemberNumbers, _ memory: inout FieldsMemory) throws(FrameFault) {
        let header = frame.header
        let all = UnsafeRawBufferPointer(start: frame.bytes.base, count: frame.bytes.count)
        var fields = try memory.read(UnsafeRawBufferPointer(rebasing: all[FrameHeader.size..<header.bodyStart]))
        try Self.check(header, &fields, members)
        try Self.check(UnsafeRawBufferPointer(rebasing: all[header.bodyStart...]), against: fields.signature ?? "", of: header.kind)
        self.frame = frame
        self.fields = fields
    }

    private static func check(_ body: UnsafeRawBufferPointer, against signature: String, of kind: FrameKind) throws(FrameFault) {
        var types = signature
        // The two-step result keeps the typed error through a closure that may not throw it.
        let fault = types.withUTF8 { types -> BodyValidator.Fault? in
            do throws(BodyValidator.Fault) {
                try BodyValidator.check(body, against: UnsafeRawBufferPointer(types))
                return nil
            } catch {
                return error
            }
        }
        if let fault { throw FrameFault("the body of a \(kind) is not (\(signature)): \(fault.reason) at byte \(fault.position)") }
    }

    /// Whether the fields are those of the frame's kind; a member that came as a number gets its name.
    private static func check(_ header: FrameHeader, _ fields: inout FrameFields, _ members: MemberNumbers) throws(FrameFault) {
        switch header.kind {
        case .call:
            guard fields.path != nil else { throw FrameFault("a call has no path") }
            guard fields.errorName == nil else { throw FrameFault("a call has the name of an error") }
            if header.member == 0 {
                guard fields.member != nil else { throw FrameFault("a call has no member") }
            } else {
                guard fields.member == nil, fields.interface == nil else {
                    throw FrameFault("a call names its member and has the number \(header.member) for it")
                }
                guard let name = members.name(of: header.member) else { throw FrameFault("no member has the number \(header.member)") }
                fields.interface = name.interface
                fields.member = name.member
            }
        case .reply, .error:
            guard fields.path == nil, fields.interface == nil, fields.member == nil else {
                throw FrameFault("a \(header.kind) has a path or a member")
            }
            guard (fields.errorName != nil) == (header.kind == .error) else {
                throw FrameFault(header.kind == .error ? "an error has no name" : "a reply has the name of an error")
            }
        case .ping, .pong: throw FrameFault("a \(header.kind) carries no message")
        }
    }
}

/// The start of a frame and its fields; the body follows them.
struct FrameStart {
    var header: FrameHeader
    var fields = FrameFields()

    var count: Int { header.bodyStart }

    func write(to place: UnsafeMutableRawPointer) {
        header.write(to: place)
        fields.write(to: place + FrameHeader.size)
    }
}

extension Message {
    /// The start of the frame that carries it.
    /// - Throws: `.tooLarge`, `.notSupported`: a private connection does not carry such a message.
    func frameStart(serial: UInt32, _ members: MemberNumbers) throws(DBusError) -> FrameStart {
        guard !containsUnixFDs else { throw DBusError(code: .notSupported, "a private connection carries no file descriptors") }
        var start: FrameStart
        switch kind {
        case .methodCall:
            start = FrameStart(header: FrameHeader(.call, serial: serial))
            if isNoReplyExpected { start.header.flags |= FrameHeader.noReplyWanted }
            if flags.contains(.allowInteractiveAuthorization) { start.header.flags |= FrameHeader.interactive }
            start.header.member = members.number(of: member, in: interface)
            start.fields.path = path
            if start.header.member == 0 {
                start.fields.interface = interface
                start.fields.member = member
            }
        case .methodReturn, .error:
            start = FrameStart(header: FrameHeader(kind == .error ? .error : .reply, serial: serial))
            start.header.answers = replySerial
            start.fields.errorName = kind == .error ? errorName ?? ErrorName.failed.text : nil
        case .signal: throw DBusError(code: .notSupported, "a private connection carries no signals")
        }
        let types = signature
        if !types.isEmpty { start.fields.signature = types }
        start.header.fieldsLength = try start.fields.length()
        start.header.bodyLength = bodySize
        guard start.header.length <= FrameHeader.largestFrame else {
            throw DBusError(
                code: .tooLarge,
                "a message of \(start.header.length) bytes; \(FrameHeader.largestFrame) are the most on a private connection")
        }
        return start
    }
}
