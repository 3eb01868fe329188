/// Which messages to be sent, in the words of the bus's `AddMatch`. What is nil does not matter. D-Bus specification, "Match Rules".
public struct MatchRule: Hashable, Sendable, CustomStringConvertible {
    /// Nil: any kind.
    public var kind: Message.Kind? = .signal
    public var sender: BusName?
    public var interface: InterfaceName?
    public var member: MemberName?
    public var path: ObjectPath?
    /// This path and every one below it.
    public var pathNamespace: ObjectPath?
    /// String arguments by position, 0 to 63.
    public var arguments: [Int: String] = [:]
    /// The first argument is this name or one below it.
    public var argument0Namespace: String?

    public init(
        sender: BusName? = nil, interface: InterfaceName? = nil, member: MemberName? = nil, path: ObjectPath? = nil,
        pathNamespace: ObjectPath? = nil, arguments: [Int: String] = [:]
    ) {
        self.sender = sender
        self.interface = interface
        self.member = member
        self.path = path
        self.pathNamespace = pathNamespace
        self.arguments = arguments
    }

    /// The rule as `AddMatch` takes it.
    public var text: String {
        var parts: [String] = []
        func add(_ key: String, _ value: String?) {
            guard let value else { return }
            // Inside quotes nothing is special; a quote itself is written outside them, behind a backslash.
            parts.append(key + "='" + value.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'")
        }
        switch kind {
        case .methodCall: add("type", "method_call")
        case .methodReturn: add("type", "method_return")
        case .error: add("type", "error")
        case .signal: add("type", "signal")
        case nil: break
        }
        add("sender", sender?.text)
        add("interface", interface?.text)
        add("member", member?.text)
        add("path", path?.text)
        add("path_namespace", pathNamespace?.text)
        for (position, value) in arguments.sorted(by: { $0.key < $1.key }) { add("arg\(position)", value) }
        add("arg0namespace", argument0Namespace)
        return parts.joined(separator: ",")
    }

    public var description: String { text }

    /// Whether the rule selects the message.
    /// - Parameter senderOwner: the unique name behind ``sender`` when that is a well-known name.
    func matches(_ message: Message, senderOwner: String?) -> Bool {
        if let kind, message.kind != kind { return false }
        if let member, message.member != member.text { return false }
        if let interface, message.interface != interface.text { return false }
        if let path, message.path != path.text { return false }
        if let pathNamespace {
            guard let path = message.path, ObjectPath.isPath(path, equalToOrBelow: pathNamespace.text) else { return false }
        }
        if let sender {
            let actual = message.sender
            if actual != sender.text, actual == nil || actual != senderOwner { return false }
        }
        if arguments.isEmpty, argument0Namespace == nil { return true }
        guard let values = try? message.values() else { return false }
        for (position, wanted) in arguments {
            guard values.indices.contains(position), case .string(let text) = values[position], text == wanted else { return false }
        }
        if let argument0Namespace {
            guard case .string(let text)? = values.first else { return false }
            guard text == argument0Namespace || text.utf8.starts(with: (argument0Namespace + ".").utf8) else { return false }
        }
        return true
    }
}
