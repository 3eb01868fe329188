import CIM

/// What is wrong with a rule, without its place.
public struct RightsTextError: Error, Hashable, Sendable {
    public let message: String
}

extension RightsRule {
    /// Gives the number of a user or a group; nil: there is none.
    public typealias Lookup = (_ name: String, _ isGroup: Bool) -> UInt32?

    /// Reads one line of a file of rules. Nil: it has none, but blanks or a comment.
    ///
    /// ```
    /// (allow | deny | auth) (user:NAME | user:UID | group:NAME | group:GID | everyone) RIGHT[,RIGHT…] NAMESPACE
    ///     [class PATTERN] [method PATTERN] [provider PATTERN] [action ACTION]
    /// ```
    ///
    /// `RIGHT` is one of ``Right/names``, or `All`. `NAMESPACE` is `root/cimv2`, that one alone; `root/cimv2/**`, that one and those below it; or
    /// `**`, every one.
    public init?(line: String, place: String, lookup: Lookup) throws(RightsTextError) {
        var words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        if let comment = words.firstIndex(where: { $0.hasPrefix("#") }) { words.removeSubrange(comment...) }
        if words.isEmpty { return nil }
        let text = words.joined(separator: " ")
        guard ["allow", "deny", "auth"].contains(words[0]) else {
            throw Self.fault("a rule begins with allow, deny or auth, not \"\(words[0])\"")
        }
        guard words.count >= 4 else {
            throw Self.fault("a rule is: allow, deny or auth, for whom, rights, a namespace; this one has only \(words.count) words")
        }
        let principal = try Principal(words[1], lookup)
        let rights = try Self.rights(words[2])
        let scope = try Scope(words[3])
        var patterns: [String: NamePattern] = [:]
        var action: String?
        var rest = words[4...]
        while let clause = rest.popFirst() {
            guard ["class", "method", "provider", "action"].contains(clause) else {
                throw Self.fault("after the namespace come class, method or provider, each with a pattern, not \"\(clause)\"")
            }
            guard let pattern = rest.popFirst() else { throw Self.fault("\(clause) needs a pattern") }
            guard patterns[clause] == nil, clause != "action" || action == nil else { throw Self.fault("\(clause) comes twice") }
            if clause == "action" { action = try Self.action(pattern) } else { patterns[clause] = NamePattern(pattern) }
        }
        let verdict: Verdict = words[0] == "allow" ? .allow : words[0] == "deny" ? .deny : .auth(action: action)
        if action != nil, words[0] != "auth" { throw Self.fault("an action goes with auth alone") }
        if words[0] == "auth", !Right.authorizable.isSuperset(of: rights) {
            throw Self.fault("auth goes with \(Right.authorizable.text) alone, not with \(rights.subtracting(.authorizable).text)")
        }
        if patterns["method"] != nil, rights != .methodExecute { throw Self.fault("a method goes with MethodExecute alone") }
        if patterns["provider"] != nil, rights != .register { throw Self.fault("a provider goes with Register alone") }
        if patterns["class"] != nil, rights.contains(.register), rights != .all { throw Self.fault("a class does not go with Register") }
        self.init(
            verdict, principal, rights, in: scope, classes: patterns["class"], methods: patterns["method"],
            providers: patterns["provider"], place: place, text: text)
    }

    /// The name of an action of polkit's, as polkit takes it.
    private static func action(_ text: String) throws(RightsTextError) -> String {
        let isName = text.utf8.allSatisfy {
            ("a"..."z").contains(Unicode.Scalar($0)) || ("0"..."9").contains(Unicode.Scalar($0)) || $0 == 45 || $0 == 46
        }
        guard isName, text.utf8.count <= 255 else {
            throw fault("\"\(text)\" is no action of polkit's; it has a to z, 0 to 9, dots and hyphens")
        }
        return text
    }

    private static func rights(_ list: String) throws(RightsTextError) -> Right {
        var rights = Right()
        for name in list.split(separator: ",", omittingEmptySubsequences: false) {
            if name == "All" {
                rights = .all
            } else if let known = Right.names.first(where: { $0.name == name }) {
                rights.formUnion(known.right)
            } else {
                throw fault("\"\(name)\" is no right; there are \(Right.names.map(\.name).joined(separator: ", ")) and All")
            }
        }
        return rights
    }

    fileprivate static func fault(_ message: String) -> RightsTextError { RightsTextError(message: message) }
}

extension RightsRule.Principal {
    /// Reads `user:NAME`, `user:UID`, `group:NAME`, `group:GID` or `everyone`.
    public init(_ text: String, _ lookup: RightsRule.Lookup) throws(RightsTextError) {
        if text == "everyone" {
            self = .everyone
            return
        }
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == "user" || parts[0] == "group", !parts[1].isEmpty else {
            throw RightsRule.fault("\"\(text)\" is nobody; write user:NAME, user:UID, group:NAME, group:GID or everyone")
        }
        let isGroup = parts[0] == "group"
        guard let number = UInt32(parts[1]) ?? lookup(String(parts[1]), isGroup) else {
            throw RightsRule.fault("there is no \(parts[0]) \"\(parts[1])\"")
        }
        self = isGroup ? .group(number) : .user(number)
    }
}

extension RightsRule.Scope {
    fileprivate init(_ text: String) throws(RightsTextError) {
        if text == "**" {
            self.init(namespace: "", includesBelow: true)
            return
        }
        let includesBelow = text.hasSuffix("/**")
        guard let namespace = CIMNamespaceName(includesBelow ? String(text.dropLast(3)) : text) else {
            throw RightsRule.fault("\"\(text)\" is no namespace; write root/cimv2, or root/cimv2/** with those below it, or ** for all")
        }
        self.init(namespace: namespace.text, includesBelow: includesBelow)
    }
}
