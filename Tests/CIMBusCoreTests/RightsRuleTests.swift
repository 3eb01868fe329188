import CIMBusCore
import Testing

/// Rules of rights: what they say, and what is decided by them (Semantics D.9.1).
@Suite struct RightsRuleTests {
    static func rule(_ line: String, place: String = "a.conf:1") throws -> RightsRule {
        try #require(
            try RightsRule(line: line, place: place) { name, isGroup in
                isGroup ? ["ops": 4][name] : ["alice": 1_000, "bob": 1_001][name]
            })
    }

    static func rights(_ lines: String...) throws -> Rights {
        Rights(broker: 5, rules: try lines.enumerated().map { try rule($1, place: "a.conf:\($0 + 1)") })
    }

    private static let alice = Caller(uid: 1_000, groups: [1_000, 4])
    private static let bob = Caller(uid: 1_001, groups: [1_001])
    private static let thing = RightsSubject(namespace: "root/cimv2", className: "Test_Thing")

    // MARK: Text

    @Test(
        "a line without a rule is passed over, and blanks, tabs and comments around one change nothing",
        arguments: ["", "   ", "# allow everyone All **", "\t#"])
    func passesOver(line: String) throws { #expect(try RightsRule(line: line, place: "x") { _, _ in nil } == nil) }

    @Test("a rule is read as it is written")
    func reads() throws {
        let rule = try Self.rule("  deny\tgroup:ops  Enable,MethodExecute root/CIMV2/**  class Test_*   # why")
        #expect(rule.text == "deny group:ops Enable,MethodExecute root/CIMV2/** class Test_*")
        #expect(rule.verdict == .deny && rule.principal == .group(4) && rule.rights == [.enable, .methodExecute])
        #expect(rule.scope == RightsRule.Scope(namespace: "root/cimv2", includesBelow: true) && rule.classes?.text == "Test_*")
        #expect(try Self.rule("allow user:7 All **").principal == .user(7))
        #expect(try Self.rule("allow everyone All **").rights == .all)
    }

    @Test(
        "a rule with a fault says what is wrong, and what is right",
        arguments: [
            ("permit everyone All **", "begins with allow, deny or auth, not \"permit\""),
            ("allow everyone All", "only 3 words"),
            ("allow carol All **", "\"carol\" is nobody; write user:NAME"),
            ("allow user:carol All **", "there is no user \"carol\""),
            ("allow group:alice All **", "there is no group \"alice\""),
            ("allow user: All **", "\"user:\" is nobody"),
            ("allow everyone Read **", "\"Read\" is no right; there are Enable, MethodExecute"),
            ("allow everyone Enable, **", "\"\" is no right"),
            ("allow everyone All root//x", "\"root//x\" is no namespace"),
            ("allow everyone All root/*", "\"root/*\" is no namespace"),
            ("allow everyone All ** clss X", "not \"clss\""),
            ("allow everyone All ** class", "class needs a pattern"),
            ("allow everyone All ** class A class B", "class comes twice"),
            ("allow everyone Enable ** method X", "a method goes with MethodExecute alone"),
            ("allow everyone Enable ** provider X", "a provider goes with Register alone"),
            ("allow everyone Register ** class X", "a class does not go with Register"),
            ("allow everyone Enable ** action org.example.look", "an action goes with auth alone"),
            ("auth everyone Enable,Register **", "not with Register"),
            ("auth everyone Enable ** action org.Example", "\"org.Example\" is no action of polkit's"),
            ("auth everyone Enable ** action a.b action c.d", "action comes twice"),
        ])
    func faults(line: String, message: String) throws {
        let error = #expect(throws: RightsTextError.self) { try Self.rule(line) }
        #expect(error?.message.contains(message) == true, "\(error?.message ?? "")")
    }

    @Test(
        "a pattern fits names of any case: a star is any letters, a question mark one",
        arguments: [
            ("Test_*", "test_thing", true), ("Test_*", "Test_", true), ("Test_*", "Tes_x", false), ("*", "", true), ("?", "", false),
            ("*_Thing", "Test_Thing", true), ("*a*b*", "xxaxxbxx", true), ("*a*b*", "xxbxxaxx", false), ("a*a", "a", false),
            ("T?st", "test", true), ("T?st", "teest", false), ("", "", true), ("", "a", false), ("*ab", "aab", true),
        ])
    func patterns(pattern: String, name: String, fits: Bool) { #expect(NamePattern(pattern).matches(name) == fits) }

    @Test("a pattern of many stars takes no time over a long name")
    func manyStars() {
        let pattern = NamePattern(String(repeating: "*a", count: 200) + "b")
        #expect(!pattern.matches(String(repeating: "a", count: 20_000)))
    }

    // MARK: Decisions

    @Test(
        "D.9.1: without rules everybody has Enable, MethodExecute, WriteProvider and Subscribe; root and the broker's user have everything")
    func defaults() throws {
        let rights = Rights(broker: 5)
        #expect(rights.rights(of: Self.alice, Self.thing) == [.enable, .methodExecute, .writeProvider, .subscribe])
        #expect(rights.rights(of: Self.alice, Self.thing).rawValue == 0x53)
        for uid in [0, 5] as [UInt32] { #expect(rights.rights(of: Caller(uid: uid), Self.thing) == .all) }
        #expect(rights.rightsByRule(of: Self.alice, Self.thing).isEmpty)
    }

    @Test("the first rule that fits decides")
    func first() throws {
        let rights = try Self.rights(
            "allow user:alice Enable root/cimv2 class Test_Thing", "deny everyone Enable root/cimv2 class Test_*",
            "allow everyone Enable **")
        #expect(rights.allows(.enable, Self.thing, for: Self.alice))
        #expect(!rights.allows(.enable, Self.thing, for: Self.bob))
        #expect(rights.allows(.enable, RightsSubject(namespace: "root/cimv2", className: "Other"), for: Self.bob))
        #expect(rights.decision(on: .enable, Self.thing, for: Self.bob).rule?.place == "a.conf:2")
        #expect(rights.rightsByRule(of: Self.alice, Self.thing) == .enable)
    }

    @Test(
        "an auth rule denies until polkit has authorized the caller for its action and for this thing, in any case of its names, and no other"
    )
    func authorization() throws {
        let rights = try Self.rights(
            "auth user:bob MethodExecute ** class Test_Thing method Stop action org.example.stop", "auth everyone FullWrite,PartialWrite **"
        )
        let stop = RightsSubject(namespace: "root/cimv2", className: "Test_Thing", method: "Stop")
        let refusal = #expect(throws: Refusal.self) { try rights.check(.methodExecute, stop, for: Self.bob) }
        let wanted = try #require(refusal?.denial?.authorization)
        #expect(wanted.action == "org.example.stop" && wanted.subject == stop)
        #expect(refusal?.denial?.right == "MethodExecute" && refusal?.denial?.place == "a.conf:1")
        let authorized = Self.bob.authorized(for: wanted)
        #expect(rights.allows(.methodExecute, stop, for: authorized))
        #expect(
            rights.allows(.methodExecute, RightsSubject(namespace: "ROOT/cimv2", className: "test_thing", method: "STOP"), for: authorized))
        #expect(!rights.allows(.fullWrite, stop, for: authorized))
        let write = #expect(throws: Refusal.self) { try rights.check([.partialWrite, .fullWrite], Self.thing, for: authorized) }
        #expect(write?.denial?.authorization?.action == "org.cimbus1.full-write")
        // Of somebody whom no rule leaves to polkit nothing is asked there.
        let denied = #expect(throws: Refusal.self) { try rights.check(.register, stop, for: Self.alice) }
        #expect(denied?.denial?.right == "Register" && denied?.denial?.place == nil && denied?.denial?.authorization == nil)
    }

    @Test("no rule is asked about root and the broker's user: nobody can lock himself out")
    func administrators() throws {
        let rights = try Self.rights("deny everyone All **", "deny user:0 All **")
        for uid in [0, 5] as [UInt32] { #expect(rights.rights(of: Caller(uid: uid), Self.thing) == .all) }
        #expect(rights.rights(of: Self.alice, Self.thing).isEmpty)
    }

    @Test("a rule for a group is for whoever is in it, as the bus says")
    func groups() throws {
        let rights = try Self.rights("allow group:ops FullWrite **")
        #expect(rights.allows(.fullWrite, Self.thing, for: Self.alice) && !rights.allows(.fullWrite, Self.thing, for: Self.bob))
    }

    @Test(
        "a rule is for its namespace alone, or for those below it, too",
        arguments: [
            ("root/cimv2", "root/cimv2", true), ("root/cimv2", "root/cimv2/x", false), ("root/cimv2", "root", false),
            ("root/cimv2/**", "root/cimv2/x/y", true), ("root/cimv2/**", "root/cimv2", true), ("root/cimv2/**", "root/cimv22", false),
            ("**", "any/thing", true), ("ROOT/CIMV2", "root/cimv2", true),
        ])
    func scopes(scope: String, namespace: String, fits: Bool) throws {
        let rights = try Self.rights("deny everyone Enable \(scope)")
        #expect(rights.allows(.enable, RightsSubject(namespace: namespace), for: Self.bob) != fits)
    }

    @Test("a rule about a class does not decide about what is of no class, and one about a method not about the others")
    func subjects() throws {
        let rights = try Self.rights("deny everyone MethodExecute ** class Test_* method St?p", "deny everyone Enable ** class *")
        func may(_ method: String?) -> Bool {
            rights.allows(
                .methodExecute, RightsSubject(namespace: "root/cimv2", className: "Test_Thing", method: method), for: Self.bob)
        }
        #expect(!may("Stop") && !may("STEP") && may("Start") && may(nil))
        #expect(rights.allows(.enable, RightsSubject(namespace: "root/cimv2"), for: Self.bob))
        #expect(rights.isSelective(for: Self.bob, in: "root/cimv2") && !rights.isSelective(for: Caller(uid: 0), in: "root/cimv2"))
    }

    @Test("a refusal is AccessDenied and names the user, the right, the class, the namespace, and the rule")
    func refusal() throws {
        let rights = try Self.rights("deny everyone WriteProvider root/cimv2")
        let refusal = #expect(throws: Refusal.self) { try rights.check(.writeProvider, Self.thing, for: Self.bob) }
        #expect(refusal?.status == .accessDenied)
        #expect(
            refusal?.message
                == "uid 1001 has not the right WriteProvider for class Test_Thing in root/cimv2: a.conf:1 says \"deny everyone WriteProvider root/cimv2\""
        )
        let other = #expect(throws: Refusal.self) { try rights.check(.storedWrite, Self.thing, for: Self.bob) }
        #expect(other?.message.contains("FullWrite or PartialWrite") == true && other?.message.hasSuffix("no rule grants it") == true)
    }

    @Test("D.5: a rule about Register stands above a definition; without one the definition says who may")
    func register() throws {
        let rights = try Self.rights(
            "deny user:bob Register root/cimv2 provider Mounts", "allow user:alice Register root/cimv2 provider Mo*")
        func may(_ caller: Caller, _ name: String, _ namespace: String = "root/cimv2", isGranted: Bool) -> Bool {
            (try? rights.check(.registration(namespace: namespace, name: name, isGranted: isGranted), of: caller)) != nil
        }
        #expect(may(Self.alice, "mounts", isGranted: false) && may(Self.alice, "Modems", isGranted: false))
        #expect(!may(Self.alice, "Other", isGranted: false) && !may(Self.alice, "Mounts", "root/other", isGranted: false))
        #expect(!may(Self.bob, "Mounts", isGranted: true) && may(Self.bob, "Other", isGranted: true))
    }

    @Test("--allow-register is a rule that comes before those of files, and stays when they are replaced")
    func options() throws {
        var rights = Rights(broker: 5, allowed: [("Mounts", 1_001)], rules: [try Self.rule("deny everyone Register **")])
        func may(_ name: String) -> Bool {
            rights.allows(.register, RightsSubject(namespace: "root/cimv2", provider: name), for: Self.bob)
        }
        #expect(may("mounts") && !may("Other"))
        rights.replace([])
        #expect(may("Mounts") && rights.rules.map(\.place) == ["--allow-register Mounts=1001"])
    }
}
