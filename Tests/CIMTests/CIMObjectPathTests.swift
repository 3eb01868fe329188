import CIM
import Testing

@Suite("CIMObjectPath (Semantics H.1)")
struct CIMObjectPathTests {
    private static func key(_ name: String?, _ value: CIMObjectPath.KeyValue) -> CIMObjectPath.Key { .init(name: name, value: value) }

    @Test("H.1: the whole grammar")
    func grammar() throws {
        let full = try CIMObjectPath(parsing: #"\\.\root\CIMV2:Win32_Disk.DeviceID="C:",Index=5"#)
        #expect(full.server == "." && full.namespace == "root/CIMV2" && full.className == "Win32_Disk")
        #expect(full[key: "deviceid"] == .string("C:"))
        #expect(full[key: "Index"] == .integer(5))
        #expect(full.relativePath == #"Win32_Disk.DeviceID="C:",Index=5"#)
        #expect(full.path == #"\\.\root\CIMV2:Win32_Disk.DeviceID="C:",Index=5"#)
        #expect(try CIMObjectPath(parsing: "//my-host.lan/root/cimv2:C").server == "my-host.lan")
        #expect(try CIMObjectPath(parsing: "root/cimv2:C=@").keys == .singleton)
        #expect(try CIMObjectPath(parsing: "C").isClassPath)
        #expect(try CIMObjectPath(parsing: #"C="v""#).keys == .keys([Self.key(nil, .string("v"))]))
        #expect(try CIMObjectPath(parsing: #"C.="v""#).relativePath == #"C="v""#)
    }

    @Test(
        "H.1: values of every kind",
        arguments: [
            ("1", CIMObjectPath.KeyValue.integer(1)), ("+1", .integer(1)), ("-9223372036854775808", .integer(.min)),
            ("0xFF", .integer(255)), ("010", .integer(8)), ("-017", .integer(-15)), ("0", .integer(0)), ("00", .integer(0)),
            ("101b", .integer(5)), ("-1B", .integer(-1)), ("0b", .integer(0)), ("0x1b", .integer(27)),
            ("18446744073709551615", .unsigned(.max)), ("9223372036854775807", .integer(.max)),
            ("TRUE", .boolean(true)), ("false", .boolean(false)), (#""a\"b\\c""#, .string(#"a"b\c"#)), (#"'a\'b"c'"#, .string(#"a'b"c"#)),
            (#""""#, .string("")), (#""Größe%20""#, .string("Größe%20")),
            (
                "True_Class.k=1",
                .reference(
                    CIMObjectPath(
                        className: "True_Class", keys: .keys([.init(name: "k", value: .integer(1))])))
            ),
            (#"\\.\root\x:C=@"#, .reference(CIMObjectPath(server: ".", namespace: "root/x", className: "C", keys: .singleton))),
        ])
    func values(text: String, value: CIMObjectPath.KeyValue) throws {
        let path = try CIMObjectPath(parsing: "A.k=\(text)")
        #expect(path[key: "k"] == value)
        let again = try CIMObjectPath(parsing: path.relativePath)
        #expect(again.relativePath == path.relativePath)
    }

    @Test(
        "H.1: hostile and malformed paths are refused, with the place",
        arguments: [
            ("", 0), ("1C", 0), (" C", 0), ("C ", 1), ("C.", 2), ("C.k", 3), ("C.k=", 4), ("C.k =1", 3), ("C.k= 1", 4), ("C.k=1,", 6),
            ("C.k=1, j=2", 6), ("C.k=1,k=2", 6), ("C.k=1,K=2", 6), (#"C.k="a"#, 4), ("C.k='a\u{1}'", 6), (#"C.k="\a""#, 6), (#"C.k="\"#, 6),
            ("C.k=12x", 4), ("C.k=--1", 4), ("C.k=-", 4), ("C.k=0x", 4), ("C.k=18446744073709551616", 4), ("C.k=-9223372036854775809", 4),
            ("C.k=1.5", 5), ("C=@x", 3), ("C.k=@", 4), ("\\\\", 2), ("\\\\.", 3), ("\\\\.\\root", 4), ("\\\\.\\:C", 4), ("root\\\\x:C", 0),
            ("root/:C", 0), (":C", 0), ("root/cimv2:", 11), ("C,D", 1), ("C.k=1D.k=2", 4), ("C\u{0}", 1), ("C.=", 3), ("\\C", 1), ("/C", 1),
            ("/", 1), ("//host:80/root/x:C", 6), ("C.k=089", 4), ("C.k=102b", 4),
            ("/root/x:C ", 9), ("///x:C", 2),
        ])
    func refused(text: String, offset: Int) {
        let error = #expect(throws: ObjectPathError.self) { try CIMObjectPath(parsing: text) }
        #expect(error?.offset == offset, "\(text): \(error?.description ?? "")")
        #expect(error?.status == .invalidObjectPath)
    }

    @Test("A.2.4: 8192 characters at most")
    func length() throws {
        let longest = "C.k=\"" + String(repeating: "ä", count: 8186) + "\""
        #expect(try CIMObjectPath(parsing: longest).relativePath == longest)
        #expect(throws: ObjectPathError.self) { try CIMObjectPath(parsing: longest + " ") }
    }

    @Test("H.1: a path that lies in memory as UTF-8 is read as its text is")
    func bytes() throws {
        let long = "C=\"" + String(repeating: "ö", count: 8188)
        for text in [
            #"\\.\root\cimv2:A.B="c",D=5"#, "A=@", #"A='it"s'"#, #"A="a\"b""#, "Größe=\"ö\"", long + "\"", long + "ö\"", "A=\"b", "",
        ] {
            let read = Result { try CIMObjectPath(parsing: text) }
            let same = Result { try Array(text.utf8).withUnsafeBytes { try CIMObjectPath(parsing: $0) } }
            #expect((try? read.get()) == (try? same.get()), "\(text.prefix(40))")
            #expect((try? read.get())?.path == (try? same.get())?.path)
        }
        #expect(throws: Never.self) { try CIMObjectPath(parsing: long + "\"") }
    }

    @Test("Nesting is bounded at 16, and so is what nested quoting would blow up to")
    func nesting() throws {
        #expect(throws: Never.self) { try CIMObjectPath(parsing: "A" + String(repeating: ".k=A", count: 9)) }
        let deep = #expect(throws: ObjectPathError.self) { try CIMObjectPath(parsing: "A" + String(repeating: ".k=A", count: 17)) }
        #expect(deep?.offset == 68)
        let bomb = "A" + String(repeating: ".k=A", count: 15) + ".k=\"" + String(repeating: "\\\\", count: 3000) + "\""
        #expect(throws: ObjectPathError.self) { try CIMObjectPath(parsing: bomb) }
    }

    @Test("An unquoted nested path ends with its first key; a quoted one stays text until canonicalized")
    func nestedPaths() throws {
        let path = try CIMObjectPath(parsing: #"Assoc.Left=A.k=1,Right="B.k=\"x\"""#)
        #expect(path[key: "Left"] == .reference(try CIMObjectPath(parsing: "A.k=1")))
        #expect(path[key: "Right"] == .string(#"B.k="x""#))
        let assoc = CIMClass(
            name: "Assoc",
            properties: ["Left", "Right"].map {
                CIMProperty(name: $0, type: .init(.reference), qualifiers: [CIMQualifier(name: "key")])
            })
        let canonical = try path.canonicalized(for: assoc)
        #expect(canonical[key: "right"] == .reference(try CIMObjectPath(parsing: #"B.k="x""#)))
        #expect(canonical.relativePath == #"Assoc.Left="A.k=1",Right="B.k=\"x\"""#)
    }

    @Test("H.1: paths compare without regard to case and key order")
    func equality() throws {
        let one = try CIMObjectPath(parsing: #"//./ROOT/cimv2:Disk.Name="C:",Index=1"#)
        let other = try CIMObjectPath(parsing: #"root\CIMV2:DISK.index=1,NAME="c:""#)
        #expect(one == other)
        #expect(one.hashValue == other.hashValue)
        for different in [
            #"root/cimv2:Disk.Name="C:",Index=2"#, #"root/cimv2:Disk.Name="C:""#, #"root/x:Disk.Name="C:",Index=1"#, "root/cimv2:Disk",
        ] {
            #expect(try CIMObjectPath(parsing: different) != one, "\(different)")
        }
        #expect(try CIMObjectPath(parsing: "C.k=1") != CIMObjectPath(parsing: "C.k=\"1\""))
    }

    private let disk = CIMClass(
        name: "Linux_Disk",
        properties: [
            CIMProperty(name: "Bus", type: .init(.uint8), qualifiers: [CIMQualifier(name: "key")]),
            CIMProperty(name: "Label", type: .init(.string)),
            CIMProperty(name: "Since", type: .init(.datetime), qualifiers: [CIMQualifier(name: "Key")]),
        ])

    @Test(
        "W16: A path may begin with / or \\, with or without a machine, as WBEM URIs do",
        arguments: [
            ("/root/cimv2:T.K=1", "root/cimv2", nil), (#"\root\cimv2:T.K=1"#, "root/cimv2", nil), ("/:T.K=1", nil, nil),
            ("//host/root/cimv2:T.K=1", "root/cimv2", "host"), ("//host/root:T.K=1", "root", "host"),
            (#"\\.\root/cimv2:T.K=1"#, "root/cimv2", "."),
            ("//127.0.0.1/root/cimv2:T.K=1", "root/cimv2", "127.0.0.1"),
        ] as [(String, String?, String?)])
    func rooted(text: String, namespace: String?, server: String?) throws {
        let path = try CIMObjectPath(parsing: text)
        #expect(path.namespace == namespace && path.server == server && path.relativePath == "T.K=1")
    }

    @Test("W16: This machine is also ., localhost and 127.0.0.1, and its name without its domain")
    func machines() {
        let here = CIMLocation(server: "vm.example.org")
        for name in [nil, ".", "localhost", "LOCALHOST", "127.0.0.1", "VM", "vm.example.org"] {
            #expect(here.isHere(name), "\(name ?? "nil")")
        }
        for name in ["other", "vm.example", "v", "", "127.0.0.2"] { #expect(!here.isHere(name), "\(name)") }
        #expect(!CIMLocation(server: "10.0.0.1").isHere("10"))
    }

    @Test("W15: A key is read in its type: Index=\"7\" is 7, On=\"TRUE\" and On=1 are TRUE, whatever the notation")
    func typedKeys() throws {
        let mixed = CIMClass(
            name: "M",
            properties: [
                CIMProperty(name: "Index", type: .init(.sint16), qualifiers: [CIMQualifier(name: "key")]),
                CIMProperty(name: "On", type: .init(.boolean), qualifiers: [CIMQualifier(name: "key")]),
            ])
        for text in [#"M.Index="7",On="TRUE""#, "m.on=1,index=7", #"M.Index="0x7",On='true'"#, "M.Index=111b,On=TRUE", "M.Index=07,On='1'"]
        {
            #expect(try CIMObjectPath(parsing: text).canonicalized(for: mixed).relativePath == "M.Index=7,On=TRUE", "\(text)")
        }
        for text in [#"M.Index="x",On=1"#, "M.Index=7,On=2", #"M.Index="",On=1"#, "M.Index=TRUE,On=1", #"M.Index=7,On="yes""#] {
            #expect(throws: ObjectPathError.self, "\(text)") { try CIMObjectPath(parsing: text).canonicalized(for: mixed) }
        }
        let named = CIMClass(
            name: "N", properties: [CIMProperty(name: "Name", type: .init(.string), qualifiers: [CIMQualifier(name: "key")])])
        let error = #expect(throws: ObjectPathError.self) { try CIMObjectPath(parsing: "N.Name=010").canonicalized(for: named) }
        #expect(error?.message.contains("put it in quotes") == true)
    }

    @Test("W17: References in keys have one form, however deep: place, class, keys, their order and their notation")
    func canonicalReferences() throws {
        func key(_ name: String, _ type: CIMType, to className: String? = nil) -> CIMProperty {
            CIMProperty(name: name, type: CIMTypeReference(type, className: className), qualifiers: [CIMQualifier(name: "key")])
        }
        let classes = [
            CIMClass(name: "Pt", properties: [key("Id", .uint8)]),
            CIMClass(name: "Ln", properties: [key("A", .reference, to: "Pt"), key("B", .reference, to: "Pt")]),
            CIMClass(name: "On", properties: [key("Of", .reference, to: "Ln")]),
        ]
        let here = CIMLocation(namespace: .cimv2, server: "vm")
        let find: CIMObjectPath.ClassFinder = { name, namespace in
            namespace == .cimv2 ? classes.first { CIMName.equal($0.name, name) } : nil
        }
        func canonical(_ path: CIMObjectPath, _ declaration: CIMClass) throws -> String {
            try path.canonicalized(for: declaration, in: here, classes: find).relativePath
        }
        func quoted(_ path: String) -> CIMObjectPath.KeyValue { .string(path) }
        let spellings = [
            "Pt.Id=1", "pt=1", #"PT.ID="1""#, #"\\VM\ROOT\cimv2:Pt.Id=1"#, "//./root/cimv2:Pt=0x1", "/root/CIMV2:Pt.Id=01",
            "root/cimv2:Pt.id=1b",
        ]
        for spelling in spellings {
            var line = CIMObjectPath(
                className: "LN", keys: .keys([.init(name: "b", value: quoted("Pt.Id=2")), .init(name: "a", value: quoted(spelling))]))
            #expect(try canonical(line, classes[1]) == #"Ln.A="Pt.Id=1",B="Pt.Id=2""#, "\(spelling)")
            line.namespace = "root/cimv2"
            line.server = "localhost"
            let outer = CIMObjectPath(className: "on", keys: .keys([.init(name: nil, value: quoted(line.path))]))
            #expect(try canonical(outer, classes[2]) == #"On.Of="Ln.A=\"Pt.Id=1\",B=\"Pt.Id=2\"""#, "\(spelling)")
        }
        for (text, expected) in [
            (#"\\vm\root\x:Pt.Id="1""#, #"root\x:Pt.Id="1""#), ("//other/root/cimv2:pt=1", #"\\other\root\cimv2:pt=1"#),
            ("Zz.b=1,A=2", "Zz.b=1,A=2"),
        ] {
            #expect(try CIMObjectPath(parsing: text).canonicalReference(in: here, classes: find).path == expected)
        }
        #expect(try CIMObjectPath(parsing: "pt=1").fitsReference(to: "PT", in: here, classes: find))
        #expect(try !CIMObjectPath(parsing: "Ln=1").fitsReference(to: "Pt", in: here, classes: find))
        #expect(try !CIMObjectPath(parsing: "Pt").fitsReference(to: "Pt", in: here, classes: find))
        #expect(try !CIMObjectPath(parsing: "No.Id=1").fitsReference(to: "Pt", in: here, classes: find))
        for text in ["root/x:Ln=1", "//other/root/cimv2:Ln=1"] {
            #expect(try CIMObjectPath(parsing: text).fitsReference(to: "Pt", in: here, classes: find))
        }
    }

    @Test("H.1: the canonical form spells and orders keys as declared and gives values their types")
    func canonical() throws {
        let path = try CIMObjectPath(parsing: #"LINUX_disk.SINCE="20260101000000.000000+000",bus=0x10"#)
        #expect(try path.canonicalized(for: disk).relativePath == #"Linux_Disk.Bus=16,Since="20260101000000.000000+000""#)
        let single = CIMClass(
            name: "C", properties: [CIMProperty(name: "Id", type: .init(.uint64), qualifiers: [CIMQualifier(name: "key")])])
        #expect(try CIMObjectPath(parsing: "c=18446744073709551615").canonicalized(for: single).relativePath == "C.Id=18446744073709551615")
        #expect(try CIMObjectPath(parsing: "c").canonicalized(for: single).relativePath == "C")
    }

    @Test(
        "H.1: a missing, unknown, doubled or misfit key is InvalidObjectPath",
        arguments: [
            "D.Bus=1", #"D.Bus=1,Since="x""#, #"D.Bus=256,Since="20260101000000.000000+000""#, "D=1", "D=@", "D.Label=\"x\"",
            #"D.Bus="1.5",Since="20260101000000.000000+000""#, #"D.Bus=1,Since="20260101000000.000000+000",Other=1"#,
        ])
    func misfits(text: String) throws {
        let path = try CIMObjectPath(parsing: text)
        #expect(throws: ObjectPathError.self) { try path.canonicalized(for: disk) }
    }

    @Test("H.1: singletons are =@, and a class without keys has no instance path")
    func singletons() throws {
        let singleton = CIMClass(name: "S", qualifiers: [CIMQualifier(name: "Singleton")])
        let keyless = CIMClass(name: "K")
        #expect(try CIMObjectPath(parsing: "s=@").canonicalized(for: singleton).relativePath == "S=@")
        #expect(throws: ObjectPathError.self) { try CIMObjectPath(parsing: "S.k=1").canonicalized(for: singleton) }
        #expect(throws: ObjectPathError.self) { try CIMObjectPath(parsing: "K=@").canonicalized(for: keyless) }
        #expect(throws: ObjectPathError.self) { try CIMObjectPath(parsing: "K.k=1").canonicalized(for: keyless) }
    }

    @Test("Every prefix and every one-byte change of a path parses or throws, and what parses is stable")
    func mutations() {
        let bytes = Array(#"\\.\root\cimv2:A.k="a\"b",l=-5,m=B.n='x',o=TRUE"#.utf8)
        var parsed = 0
        func probe(_ bytes: some Collection<UInt8>) {
            guard let path = try? CIMObjectPath(parsing: String(decoding: bytes, as: UTF8.self)) else { return }
            parsed += 1
            let again = try? CIMObjectPath(parsing: path.path)
            #expect(again?.path == path.path)
        }
        for end in 0...bytes.count { probe(bytes[..<end]) }
        for index in bytes.indices {
            for byte in UInt8.min...UInt8.max {
                var changed = bytes
                changed[index] = byte
                probe(changed)
            }
        }
        #expect(parsed > 1000)
    }

    @Test("what stands in an error of a peer's text has no control characters")
    func errorIsPrintable() {
        let error = #expect(throws: ObjectPathError.self) { try CIMObjectPath(parsing: "A\u{1B}[2J\u{7F}\u{1}") }
        #expect(error?.description.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F } == true)
        #expect(error?.description.contains("?[2J??") == true, "\(error?.description ?? "")")
    }
}
