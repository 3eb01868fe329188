import CIM
import Testing

@Suite struct CIMLocaleTests {
    @Test(
        "WMI's names, POSIX's and the web's are read; a country that nobody knows leaves its language",
        arguments: [
            ("MS_409", 0x409), ("ms_0409", 0x409), ("MS_c07", 0xC07), ("en_US", 0x409), ("en-US", 0x409), ("en_US.UTF-8", 0x409),
            ("en", 0x409),
            ("en_DK.utf8", 0x409), ("de_AT.UTF-8@euro", 0xC07), ("DE", 0x407), ("zh_HK", 0xC04), ("zh-Hant-TW", 0x404), ("zh", 0x804),
            ("sr_RS", 0x281A), ("sr_RS@latin", 0x241A), ("no", 0x414), ("pt", 0x416), ("es", 0xC0A),
        ] as [(String, UInt16)])
    func names(text: String, number: UInt16) {
        #expect(CIMLocale(text)?.number == number)
        #expect(CIMLocale.isWellFormed(text))
    }

    @Test("What names no locale is none; what could name one is told from what could not")
    func none() {
        for text in ["", "C", "C.UTF-8", "POSIX", "xx_YY", "tlh"] { #expect(CIMLocale(text) == nil, "\(text)") }
        for text in ["C", "C.UTF-8", "POSIX", "xx_YY"] { #expect(CIMLocale.isWellFormed(text), "\(text)") }
        let malformed = [
            "", "MS_", "MS_0", "MS_12345", "MS_xyz", "MS_-1", "409", "de/AT", "de AT", "größe", "_DE", String(repeating: "a", count: 65),
        ]
        for text in malformed {
            #expect(CIMLocale(text) == nil, "\(text)")
            #expect(!CIMLocale.isWellFormed(text), "\(text)")
        }
    }

    @Test("The name is read back; the namespace has its lower case")
    func spelling() throws {
        let locale = try #require(CIMLocale("de_AT"))
        #expect(locale.description == "MS_C07" && locale.namespaceName == "ms_c07" && CIMLocale(locale.description) == locale)
        #expect(CIMLocale.english.namespaceName == "ms_409")
    }

    @Test("First the locale, then the country of its language, then English; each once")
    func fallbacks() {
        func numbers(_ text: String) -> [UInt16]? { CIMLocale(text)?.fallbacks.map(\.number) }
        #expect(numbers("de_AT") == [0xC07, 0x407, 0x409])
        #expect(numbers("de_DE") == [0x407, 0x409])
        #expect(numbers("en_US") == [0x409])
        #expect(numbers("en_GB") == [0x809, 0x409])
        #expect(numbers("zh_HK") == [0xC04, 0x404, 0x409])
        #expect(numbers("zh_SG") == [0x1004, 0x804, 0x409])
        #expect(numbers("MS_7777") == [0x7777, 0x409])
    }
}
