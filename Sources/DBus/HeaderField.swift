/// The fields of a message's header that the protocol knows, by their numbers. D-Bus specification, "Header Fields".
enum HeaderField: UInt8 {
    case path = 1
    case interface = 2
    case member = 3
    case errorName = 4
    case replySerial = 5
    case destination = 6
    case sender = 7
    case signature = 8
    case unixFDs = 9
    /// Of sandboxes, in libdbus since 1.13. Nobody writes it; libdbus checks it.
    case containerInstance = 10

    /// What a library tells its own program by; the message bus hangs up on who sends it.
    private static let localPath = "/org/freedesktop/DBus/Local".utf8
    private static let localInterface = "org.freedesktop.DBus.Local".utf8

    /// The type of its value.
    var type: UInt8 {
        switch self {
        case .path, .containerInstance: TypeCode.objectPath
        case .replySerial, .unixFDs: TypeCode.uint32
        case .signature: TypeCode.signature
        case .interface, .member, .errorName, .destination, .sender: TypeCode.string
        }
    }

    /// Its bit in a set of fields.
    var bit: UInt16 { 1 << UInt16(rawValue) }

    /// What is wrong with its text: nil, if nothing is. In what is written here a mistake would cost the whole connection.
    func fault(of text: UnsafeRawBufferPointer) -> String? {
        switch self {
        case .path:
            !WireText.isPath(text) ? "it is no object path" : text.elementsEqual(Self.localPath) ? "it is libdbus's own" : nil
        case .containerInstance: WireText.isPath(text) ? nil : "it is no object path"
        case .interface where text.elementsEqual(Self.localInterface): "it is libdbus's own"
        case .interface, .errorName: NameGrammar.dotted(text, hyphen: false, leadingDigit: false)
        case .member: NameGrammar.member(text)
        case .destination, .sender: NameGrammar.bus(text)
        case .replySerial, .signature, .unixFDs: nil
        }
    }
}
