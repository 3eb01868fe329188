import CIM
import Testing

@Suite("CIMName and CIMNamespaceName (Semantics H.1, A.2.4)")
struct CIMNameTests {
    @Test("H.1: names compare without regard to ASCII case, hash alike, and keep their spelling")
    func caseInsensitive() {
        let names: Set<CIMName> = ["Win32_Process", "WIN32_process", "win32_proces"]
        #expect(names.count == 2)
        #expect(CIMName("Win32_Process").text == "Win32_Process")
        #expect(CIMName.equal("__CLASS", "__class"))
        #expect(!CIMName.equal("a@", "a`"))
        #expect(!CIMName.equal("a[", "a{"))
        #expect(CIMName.equal("Größe", "gRöße"))
        #expect(CIMName("a") < "B" && !(CIMName("B") < "a"))
    }

    @Test("H.1: names of any length hash alike whatever the case of a letter and its place, and nothing but letters has a case")
    func hashOfEveryLength() {
        func hash(_ text: String) -> Int { CIMName(text).hashValue }
        for length in 1...26 {
            let name = String(repeating: "xyz0_", count: 6).prefix(length)
            #expect(hash(String(name)) == hash(name.uppercased()), "\(length) bytes")
            for place in 0..<length {
                // What stands beside the letters, and what differs from them by the bit of the case.
                for (letter, other) in [("a", "A"), ("Z", "z")] as [(Character, Character)] {
                    var (one, two) = (Array(name), Array(name))
                    one[place] = letter
                    two[place] = other
                    #expect(hash(String(one)) == hash(String(two)), "\(letter) at \(place) of \(length)")
                }
                for (sign, other) in [("@", "`"), ("[", "{"), ("0", "P"), ("_", "\u{7F}")] as [(Character, Character)] {
                    var (one, two) = (Array(name), Array(name))
                    one[place] = sign
                    two[place] = other
                    #expect(hash(String(one)) != hash(String(two)), "\(sign) at \(place) of \(length)")
                }
            }
        }
        #expect(hash("\u{C0}") != hash("\u{E0}"))
        #expect(hash("a") != hash("a\u{0}"))
    }

    @Test("Names equal in Swift's eyes but not byte for byte stay different, in == as in the hash")
    func canonicalEquivalence() {
        let composed = CIMName("\u{E9}\u{E9}")
        let decomposed = CIMName("e\u{301}e\u{301}")
        #expect(composed != decomposed)
        #expect(Set([composed, decomposed]).count == 2)
    }

    @Test("Identifiers: letters, digits, _ and U+0080 on; not empty, no digit first, 255 bytes")
    func identifiers() {
        for good in ["a", "_", "__PATH", "Key1", "Größe", String(repeating: "a", count: 255)] {
            #expect(CIMName.isValidIdentifier(good), "\(good)")
        }
        for bad in ["", "1a", "a b", "a.b", "a-b", "a\u{0}", String(repeating: "a", count: 256)] {
            #expect(!CIMName.isValidIdentifier(bad), "\(bad)")
        }
        #expect(CIMName.isSystemName("__x") && !CIMName.isSystemName("_x"))
    }

    @Test("H.1: both separators are taken, the canonical form is lower case with /")
    func namespaces() {
        #expect(CIMNamespaceName("root\\CIMV2")?.text == "root/cimv2")
        #expect(CIMNamespaceName("ROOT/cimv2")?.wmiText == "root\\cimv2")
        #expect(CIMNamespaceName("root/cimv2/power")?.parent?.text == "root/cimv2")
        #expect(CIMNamespaceName("root")?.parent == nil)
        for bad in ["", "/", "root/", "/root", "root//cimv2", "root\\\\cimv2", "root:cimv2", "ro ot", "../root", "\\\\.\\root"] {
            #expect(CIMNamespaceName(bad) == nil, "\(bad)")
        }
    }
}
