import CIM
import Glibc
import Testing

@testable import CIMBusBroker

@Suite("What consumers make of events")
struct EventConsumerTests {
    private static let event = CIMInstance(
        className: "Test_Alarm",
        [
            "Place": "roof", "Levels": .array(of: .uint8, [.uint8(1), .uint8(5), .uint8(10)]), "One": .array(of: .string, ["only"]),
            "None": .array(of: .string, []), "Empty": .null, "Flag": .boolean(true),
            "TargetInstance": .object(CIMInstance(className: "Test_Room", ["Name": "attic", "Beds": .uint32(2)])),
        ])

    @Test(
        "EV60: names between percent signs are values, two of them are one, arrays stand in parentheses, objects are MOF",
        arguments: [
            ("%Place%: %flag%", "roof: TRUE"), ("100%% of %Levels%", "100% of (1,5,10)"), ("%One%%None%", "only()"),
            ("[%Empty%%NotThere%]", "[]"), ("%TargetInstance.Name% has %TargetInstance.Beds%", "attic has 2"),
            ("%__CLASS% %TargetInstance.__CLASS%", "Test_Alarm Test_Room"), ("\"%Place%\" %Place%", "\"%Place%\" roof"),
            ("50% alone", "50% alone"), ("%Place.Name%", ""), ("%TargetInstance%", "instance of Test_Room { Name = \"attic\"; Beds = 2; }"),
        ])
    func template(text: String, expected: String) {
        #expect(EventTemplate(text).text(of: Self.event) == expected)
    }

    @Test(
        "EV105: a value in a unit's name is one part of it, whatever it is",
        arguments: [("a/b", "a-b"), ("a b-c", "a\\x20b\\x2dc"), (".hidden", "\\x2ehidden"), ("1.2_3:4", "1.2_3:4"), ("é", "\\xc3\\xa9")])
    func escaped(text: String, expected: String) {
        #expect(UnitConsumer.escaped(text) == expected)
    }

    @Test("EV59: a log grows by at most one line beyond its size, ten files are kept, and a link is not followed")
    func log() async throws {
        var template = Array("/tmp/cimbus-log-XXXXXX".utf8CString)
        try #require(mkdtemp(&template) != nil)
        let folder = template.withUnsafeBufferPointer { String(decoding: $0.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
        let names = ["log"] + (1...10).map { "log.0\($0 < 10 ? "0" : "")\($0)" }
        defer {
            for name in names + ["link"] { unlink("\(folder)/\(name)") }
            rmdir(folder)
        }
        let log = EventLogFile(folder + "/log", largest: 5)
        for number in 0..<12 { try await log.write("line \(number)") }
        #expect(names.map { access("\(folder)/\($0)", F_OK) } == [Int32](repeating: 0, count: 10) + [-1])
        #expect(symlink("\(folder)/log", "\(folder)/link") == 0)
        let error = await #expect(throws: CIMError.self) { try await EventLogFile(folder + "/link", largest: 0).write("x") }
        #expect(error?.message.contains("cannot write \(folder)/link") == true)
    }
}
