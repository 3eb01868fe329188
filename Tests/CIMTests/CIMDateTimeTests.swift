import CIM
import Testing

@Suite("CIMDateTime (Semantics H.3)")
struct CIMDateTimeTests {
    @Test(
        "H.3: what parses is written back character for character",
        arguments: [
            "20261121002000.000001+060", "19700101000000.000000+000", "19700101000000.000000-000", "00010101000000.000000-720",
            "99991231235959.999999+999", "20240229120000.000000-300", "****1231******.******+***", "20260101000000.000000-***",
            "00000000000000.000000:000", "99999999235959.999999:000", "00000001020304.000005:000",
        ])
    func roundTrip(text: String) throws {
        let value = try #require(CIMDateTime(text))
        #expect(value.description == text)
        #expect(CIMDateTime(value.description) == value)
    }

    @Test(
        "H.3: everything else is refused",
        arguments: [
            "", "2026", "20261121002000.000001+06", "20261121002000.000001+0600", "20261121002000,000001+060", "20261321002000.000001+060",
            "20260229000000.000000+000", "20260431000000.000000+000", "20260100000000.000000+000", "20261121242000.000001+060",
            "20261121006000.000001+060", "20261121000060.000001+060", "202*1121002000.000001+060", "20261121002000.00000*+060",
            "20261121002000.000001+0*0", "********020304.000005:000", "00000001020304.000005:001", "00000001240304.000005:000",
            "20261121002000.000001 060", "２０26112100200000001+060", "-0261121002000.000001+060",
        ])
    func refused(text: String) { #expect(CIMDateTime(text) == nil) }

    @Test(
        "W28: zeros alone say that no date is set; they are kept as they are, and are no instant",
        arguments: ["00000000000000.000000+000", "00000000000000.000000-000", "00000000000000.000000+060"])
    func unset(text: String) throws {
        let value = try #require(CIMDateTime(text))
        #expect(value.isUnset && !value.isInterval && !value.hasWildcards)
        #expect(value.description == text)
        #expect(value.year == nil && value.month == nil && value.day == nil && value.hour == nil && value.microsecond == nil)
        #expect(value.microsecondsSince1970 == nil && value.offset == nil)
        #expect(value.compared(to: value) == 0)
        let other = try #require(CIMDateTime("00010101000000.000000+000"))
        #expect(value.compared(to: other) == nil && other.compared(to: value) == nil && !other.isUnset)
        #expect(CIMDateTime("00000000000000.000000:000")?.isUnset == false)
    }

    @Test(
        "W28: zeros in a part of a date are no date",
        arguments: [
            "00000000000001.000000+000", "00000000000000.000001+000", "00000100000000.000000+000", "00000001000000.000000+000",
            "20260000000000.000000+000", "00000000000000.******+000", "****0000000000.000000+000",
        ])
    func partlyUnset(text: String) { #expect(CIMDateTime(text) == nil) }

    @Test("A timestamp is an instant: 1970 UTC, zones, years 0 and 9999")
    func instants() throws {
        #expect(CIMDateTime("19700101000000.000000+000")?.microsecondsSince1970 == 0)
        #expect(CIMDateTime("19700101010000.000001+060")?.microsecondsSince1970 == 1)
        #expect(CIMDateTime("20000301000000.000000+000")?.secondsSince1970?.seconds == 951_868_800)
        #expect(CIMDateTime("19691231235959.500000+000")?.secondsSince1970?.seconds == -1)
        #expect(CIMDateTime("19691231235959.500000+000")?.secondsSince1970?.microseconds == 500_000)
        for seconds: Int64 in [0, -1, 951_782_400, 951_868_799, 4_107_542_400, -62_167_219_200, 253_402_300_799] {
            for offset in [0, 60, -300] {
                guard let value = CIMDateTime(secondsSince1970: seconds, microseconds: 7, offset: offset) else {
                    #expect(offset != 0, "every second of the years 0 to 9999 is a timestamp in UTC")
                    continue
                }
                #expect(value.secondsSince1970?.seconds == seconds)
                #expect(CIMDateTime(value.description) == value)
            }
        }
        for seconds in [Int64.min, Int64.max, -62_167_219_201, 253_402_300_800] {
            #expect(CIMDateTime(secondsSince1970: seconds, offset: 0) == nil)
        }
        #expect(CIMDateTime(secondsSince1970: .max, offset: 999) == nil)
        #expect(CIMDateTime(secondsSince1970: 0, microseconds: 1_000_000) == nil)
    }

    @Test("An interval is a length")
    func intervals() {
        #expect(CIMDateTime(intervalMicroseconds: 93_784_000_005)?.description == "00000001020304.000005:000")
        #expect(CIMDateTime("99999999235959.999999:000")?.intervalMicroseconds == 8_639_999_999_999_999_999)
        #expect(CIMDateTime(intervalMicroseconds: 8_640_000_000_000_000_000) == nil)
        #expect(CIMDateTime(intervalMicroseconds: .max) == nil)
        #expect(CIMDateTime("00000001020304.000005:000")?.microsecondsSince1970 == nil)
    }

    @Test("H.3: other offsets compare as instants, wildcards only for equality, kinds not at all")
    func comparison() throws {
        let noon = try #require(CIMDateTime("20260101120000.000000+000"))
        let same = try #require(CIMDateTime("20260101130000.000000+060"))
        let later = try #require(CIMDateTime("20260101120000.000000-060"))
        let wild = try #require(CIMDateTime("202601011200**.000000+000"))
        let interval = try #require(CIMDateTime("00000001020304.000005:000"))
        #expect(noon.compared(to: same) == 0 && noon != same)
        #expect(noon.compared(to: later) == -1 && later.compared(to: noon) == 1)
        #expect(wild.compared(to: wild) == 0 && wild.compared(to: noon) == nil)
        #expect(noon.compared(to: interval) == nil)
        #expect(CIMDateTime("00000001020304.000006:000")?.compared(to: interval) == 1)
    }
}
