import CIM
import CIMBusCore
import CIMMOF
import CIMRepository
import Testing

@testable import CIMBusBroker

/// What a provider may bring with its registration, and what its text implies (Design 3; Semantics D.5): over a schema, without a bus.
struct BringingProviderTests {
    private static let mof = "[dynamic, provider(\"Mine\")] class Test_Same { [key] string Name; };"

    private func provider(_ name: String = "Mine", uid: UInt32 = 1_000, allowed: [String] = []) -> BringingProvider {
        let rights = Rights(broker: 5, allowed: allowed.map { ($0, 1_000) })
        return BringingProvider(name: name, home: .cimv2, uid: uid, groups: [100], rights: rights)
    }

    private func changes(_ mof: String, over schema: Schema) throws -> [RepositoryChange] {
        try MOFParser.parse(mof).changes(in: .cimv2, schema: schema)
    }

    private func refusal(_ provider: BringingProvider, _ changes: [RepositoryChange], over schema: Schema) -> CIMError? {
        do throws(CIMError) {
            try provider.checkMayBring(changes, over: schema)
            return nil
        } catch {
            return error
        }
    }

    @Test("Design 3: what was a new class when a provider asked is another's when its changes are made: it is refused then")
    func anotherCameFirst() async throws {
        let repository = try await Repository.inMemory()
        let before = repository.schema
        let mine = try changes(Self.mof, over: before)
        #expect(refusal(provider(), mine, over: before) == nil)
        let theirs = try changes("[dynamic, provider(\"Theirs\")] class Test_Same { [key] string Name; };", over: before)
        let after = try await repository.commit(theirs)
        let error = try #require(refusal(provider(), mine, over: after))
        #expect(error.status == .accessDenied)
        #expect(error.message == "class Test_Same is there already and is not of provider Mine; choose another name")
        #expect(error.failedChange == 0)
        // The same class again changes nothing, whoever brings it.
        #expect(refusal(provider("Theirs"), theirs, over: after) == nil)
        #expect(refusal(provider("Mine", allowed: ["Theirs"]), theirs, over: after) == nil)
    }

    @Test("D.5: a class for another provider takes the right to register it, what is no registration of its own the right to write")
    func rights() async throws {
        let schema = try await Repository.inMemory().schema
        let others = try changes("[dynamic, provider(\"Theirs\")] class Test_Theirs { [key] string Name; };", over: schema)
        #expect(refusal(provider(), others, over: schema)?.status == .accessDenied)
        #expect(refusal(provider(allowed: ["theirs"]), others, over: schema) == nil)
        for uid: UInt32 in [0, 5] { #expect(refusal(provider(uid: uid), others, over: schema) == nil) }
        let own = try changes("instance of __Win32Provider { Name = \"mine\"; HostingModel = \"Decoupled:DBus\"; };", over: schema)
        #expect(refusal(provider(), own, over: schema) == nil)
        #expect(refusal(provider("Yours"), own, over: schema)?.status == .accessDenied)
        let deletion = [RepositoryChange.deleteClass("Test_Theirs", in: .cimv2, mustExist: false)]
        #expect(refusal(provider(), deletion, over: schema)?.message == "uid 1000 may bring classes and registrations only")
        #expect(refusal(provider(uid: 0), deletion, over: schema) == nil)
    }

    @Test("what was granted in one namespace was granted there: a provider brings neither classes nor its definition elsewhere")
    func otherNamespaces() async throws {
        let schema = try await Repository.inMemory().schema
        let other = "#pragma namespace(\"root\")\n"
        for mof in [Self.mof, "instance of __Win32Provider { Name = \"Mine\"; };"] {
            let elsewhere = try changes(other + mof, over: schema)
            #expect(refusal(provider(), elsewhere, over: schema)?.status == .accessDenied, "\(mof)")
            #expect(refusal(provider(allowed: ["Mine"]), elsewhere, over: schema) == nil, "\(mof)")
            #expect(refusal(provider(uid: 0), elsewhere, over: schema) == nil, "\(mof)")
        }
    }

    @Test("a class that derives from one of a provider that its bringer may not register is refused, however far above that one is")
    func derives() async throws {
        let repository = try await Repository.inMemory()
        let theirs = try changes(
            "[dynamic, provider(\"Theirs\")] class Test_Theirs { [key] string Name; }; [dynamic] class Test_Between : Test_Theirs { };",
            over: repository.schema)
        let schema = try await repository.commit(theirs)
        for parent in ["Test_Theirs", "Test_Between"] {
            let below = try changes("[dynamic, provider(\"Mine\")] class Test_Below : \(parent) { };", over: schema)
            let error = refusal(provider(), below, over: schema)
            #expect(error?.status == .accessDenied)
            #expect(error?.message.contains("derives from Test_Theirs of provider Theirs, which uid 1000 may not register") == true)
            #expect(refusal(provider(allowed: ["theirs"]), below, over: schema) == nil)
            #expect(refusal(provider(uid: 5), below, over: schema) == nil)
        }
    }

    @Test("Design 3: a definition is implied where none is stored and none is brought, and never over one that is stored")
    func implied() async throws {
        let repository = try await Repository.inMemory()
        let mine = try changes(Self.mof, over: repository.schema)
        let implied = provider().impliedDefinition(mine, over: repository.schema)
        #expect(implied.count == 3)
        let after = try await repository.commit(mine + implied)
        #expect(provider().impliedDefinition(mine, over: after).isEmpty)
        let own = try changes("instance of __Win32Provider { Name = \"Other\"; };", over: after)
        let registrations = provider("Other").impliedDefinition(own, over: after)
        #expect(registrations.count == 2)
    }

    @Test("D.5: the name is the provider's as long as somebody grants it: the administrator, or the definition that is stored now")
    func mayRegister() async throws {
        let repository = try await Repository.inMemory()
        func mayRegister(_ provider: BringingProvider) -> Bool { (try? provider.checkMayRegister(over: repository.schema)) != nil }
        #expect(!mayRegister(provider()))
        #expect(mayRegister(provider(allowed: ["Mine"])) && mayRegister(provider(uid: 0)))
        for (descriptor, isGranted) in [("uid:1000", true), ("gid:100", true), ("uid:7", false)] {
            try await repository.commit(
                try changes(
                    "instance of __Win32Provider { Name = \"Mine\"; HostingModel = \"Decoupled:DBus\"; SecurityDescriptor = \"\(descriptor)\"; };",
                    over: repository.schema))
            #expect(mayRegister(provider()) == isGranted)
        }
    }

    @Test(
        "D.5, L13: new classes are bounded for each user, whatever the names of its providers; what is there already, and who may write classes, is not"
    )
    func classes() async throws {
        let repository = try await Repository.inMemory()
        let schema = repository.schema
        let one = try changes(Self.mof, over: schema)
        func brings(_ provider: BringingProvider, _ schema: Schema, brought: Int) -> Int? {
            do throws(CIMError) { return try provider.checkRoom(for: one, over: schema, brought: brought) } catch {
                #expect(error.status == .quotaViolation && error.message.contains("\(brought) new classes"))
                return nil
            }
        }
        #expect(brings(provider(), schema, brought: 999) == 1 && brings(provider(), schema, brought: 1_000) == nil)
        #expect(brings(provider(uid: 0), schema, brought: 1_000) == 1)
        let after = try await repository.commit(one)
        #expect(brings(provider(), after, brought: 1_000) == 0)
    }

    @Test("D.5, L13: bytes of texts that change something are bounded for each user, but for who may write classes")
    func bytes() {
        let most = BringingProvider.mostBytes
        func fits(_ provider: BringingProvider, _ bytes: Int, brought: Int) -> Bool {
            do throws(CIMError) { try provider.checkRoom(forText: bytes, brought: brought) } catch {
                #expect(error.status == .quotaViolation && error.message.contains("\(brought) bytes of MOF"))
                return false
            }
            return true
        }
        #expect(fits(provider(), 1, brought: most - 1) && !fits(provider(), 2, brought: most - 1))
        #expect(fits(provider(uid: 0), most, brought: most))
    }
}
