/// A language as spoken in a country, by its number in WMI: the LCID. The localized qualifiers of the classes in a namespace are in a
/// namespace below it, which has the number in its name: `ms_409`.
public struct CIMLocale: Hashable, Sendable, CustomStringConvertible {
    /// 0x409 for English in the United States; never 0.
    public let number: UInt16

    /// English. Everybody gets English whose own language is not there.
    public static let english = CIMLocale(verified: 0x409)

    private init(verified number: UInt16) { self.number = number }

    /// Reads WMI's name of a locale, `MS_409`, or the name of a language in POSIX's form or in the web's: `de_AT.UTF-8`, `de-AT`, `de`.
    /// Where the table has no number for the language in that country, the number of the language counts.
    ///
    /// Nil for anything else: for `C` and `POSIX`, which name no language, and for a language that the table does not have.
    public init?(_ text: String) {
        guard let number = CIMLocale.windowsNumber(text) ?? CIMLocale.languageNumber(text) else { return nil }
        self.number = number
    }

    /// Whether a text has the form of a locale's name, whether ``init(_:)`` knows the locale or not.
    public static func isWellFormed(_ text: String) -> Bool { windowsNumber(text) != nil || isLanguage(text) }

    /// WMI's name of it, "MS_409".
    public var description: String { "MS_" + String(number, radix: 16, uppercase: true) }

    /// The name of the namespace with the localized qualifiers, "ms_409".
    public var namespaceName: String { "ms_" + String(number, radix: 16) }

    /// Where to look for localized texts, the best first: this locale, the country that its language is mostly spoken in, English.
    public var fallbacks: [CIMLocale] {
        var locales = [self]
        if let main = CIMLocale.main(of: number) { locales.append(CIMLocale(verified: main)) }
        locales.append(.english)
        return locales.enumerated().filter { !locales[..<$0.offset].contains($0.element) }.map(\.element)
    }

    // MARK: - Names

    /// The number in `MS_409`: one to four hexadecimal digits.
    private static func windowsNumber(_ text: String) -> UInt16? {
        guard CIMName.hasPrefix(text, "MS_") else { return nil }
        let digits = text.utf8.dropFirst(3)
        guard (1...4).contains(digits.count), digits.allSatisfy(isLetterOrDigit) else { return nil }
        return UInt16(String(decoding: Array(digits), as: UTF8.self), radix: 16).flatMap { $0 == 0 ? nil : $0 }
    }

    /// The number of the language, in the country that the text names, else in the one where it is mostly spoken; nil for one that the table
    /// lacks.
    private static func languageNumber(_ text: String) -> UInt16? {
        guard isLanguage(text) else { return nil }
        var tag = tag(text)
        while true {
            if let number = number(of: tag) { return number }
            guard let last = tag.lastIndex(of: "-") else { return nil }
            tag = String(tag[..<last])
        }
    }

    /// Whether a text could name a language in POSIX's form or the web's: letters, then perhaps a country, a script, a character set.
    private static func isLanguage(_ text: String) -> Bool {
        guard text.utf8.count <= 64, let first = text.utf8.first, isLetter(first), !CIMName.hasPrefix(text, "MS_") else { return false }
        let separators = "-_.@".utf8
        let language = text.utf8.prefix { !separators.contains($0) }
        return language.count <= 8 && language.allSatisfy(isLetter)
            && text.utf8.allSatisfy { isLetterOrDigit($0) || separators.contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool { isLetter(byte) || (0x30...0x39).contains(byte) }

    /// `sr_RS.UTF-8@latin` as "sr-latn-rs": lower case, the script where the web has it, no character set.
    private static func tag(_ text: String) -> String {
        let name = text.prefix { $0 != "." && $0 != "@" }
        var parts = name.lowercased().split(whereSeparator: { $0 == "_" || $0 == "-" }).map(String.init)
        let scripts = ["@latin": "latn", "@cyrillic": "cyrl"]
        if let at = text.lastIndex(of: "@"), let script = scripts[text[at...].lowercased()], !parts.isEmpty { parts.insert(script, at: 1) }
        return parts.joined(separator: "-")
    }
}

extension CIMLocale {
    /// One language a line. The first of a line is its main one; a language without a country is that of the first line it stands on.
    private static let table = """
        en-us=409 en-gb=809 en-au=C09 en-ca=1009 en-nz=1409 en-ie=1809 en-za=1C09 en-jm=2009 en-bz=2809 en-tt=2C09 en-zw=3009 en-ph=3409 \
        en-in=4009 en-my=4409 en-sg=4809
        ar-sa=401 ar-iq=801 ar-eg=C01 ar-ly=1001 ar-dz=1401 ar-ma=1801 ar-tn=1C01 ar-om=2001 ar-ye=2401 ar-sy=2801 ar-jo=2C01 ar-lb=3001 \
        ar-kw=3401 ar-ae=3801 ar-bh=3C01 ar-qa=4001
        zh-cn=804 zh-sg=1004 zh-hans=804 zh-hans-cn=804 zh-hans-sg=1004
        zh-tw=404 zh-hk=C04 zh-mo=1404 zh-hant=404 zh-hant-tw=404 zh-hant-hk=C04 zh-hant-mo=1404
        de-de=407 de-ch=807 de-at=C07 de-lu=1007 de-li=1407
        es-es=C0A es-mx=80A es-gt=100A es-cr=140A es-pa=180A es-do=1C0A es-ve=200A es-co=240A es-pe=280A es-ar=2C0A es-ec=300A es-cl=340A \
        es-uy=380A es-py=3C0A es-bo=400A es-sv=440A es-hn=480A es-ni=4C0A es-pr=500A es-us=540A
        fr-fr=40C fr-be=80C fr-ca=C0C fr-ch=100C fr-lu=140C fr-mc=180C
        it-it=410 it-ch=810
        nl-nl=413 nl-be=813
        pt-br=416 pt-pt=816
        sv-se=41D sv-fi=81D
        nb-no=414 no-no=414
        nn-no=814
        sr-rs=281A sr-cyrl=281A sr-cyrl-rs=281A
        sr-latn-rs=241A sr-latn=241A
        hr-hr=41A hr-ba=101A
        bs-ba=141A bs-latn=141A bs-latn-ba=141A
        ja-jp=411
        ko-kr=412
        ru-ru=419
        pl-pl=415
        cs-cz=405
        da-dk=406
        fi-fi=40B
        el-gr=408
        he-il=40D iw-il=40D
        hu-hu=40E
        tr-tr=41F
        uk-ua=422
        bg-bg=402
        ca-es=403
        is-is=40F
        rm-ch=417
        ro-ro=418
        sk-sk=41B
        sq-al=41C
        th-th=41E
        ur-pk=420
        id-id=421
        be-by=423
        sl-si=424
        et-ee=425
        lv-lv=426
        lt-lt=427
        fa-ir=429
        vi-vn=42A
        hy-am=42B
        az-az=42C az-latn=42C
        eu-es=42D
        mk-mk=42F
        af-za=436
        ka-ge=437
        fo-fo=438
        hi-in=439
        mt-mt=43A
        ms-my=43E
        kk-kz=43F
        sw-ke=441
        uz-uz=443 uz-latn=443
        tt-ru=444
        bn-bd=845 bn-in=445
        pa-in=446
        gu-in=447
        or-in=448
        ta-in=449
        te-in=44A
        kn-in=44B
        ml-in=44C
        as-in=44D
        mr-in=44E
        mn-mn=450
        cy-gb=452
        km-kh=453
        lo-la=454
        gl-es=456
        ne-np=461
        ga-ie=83C
        lb-lu=46E
        """

    /// The first entry of the table that `isWanted`, and the number that its line begins with. The table is read each time: a program asks for
    /// one language, and to sort all of them into a dictionary would cost it as much as a tenth of a call.
    private static func entry(where isWanted: (Substring.UTF8View, UInt16) -> Bool) -> (number: UInt16, main: UInt16)? {
        for line in table.utf8.split(separator: UInt8(ascii: "\n")) {
            var main: UInt16?
            for entry in line.split(separator: UInt8(ascii: " ")) {
                guard let sign = entry.firstIndex(of: UInt8(ascii: "=")),
                    let number = UInt16(Substring(entry[sign...].dropFirst()), radix: 16)
                else { continue }
                main = main ?? number
                if let main, isWanted(entry[..<sign], number) { return (number, main) }
            }
        }
        return nil
    }

    /// The number of "de-at", or of "de" where it is mostly spoken.
    private static func number(of tag: String) -> UInt16? {
        let hyphen = UInt8(ascii: "-")
        let isLanguage = !tag.utf8.contains(hyphen)
        return entry { name, _ in (isLanguage ? name.prefix { $0 != hyphen } : name).elementsEqual(tag.utf8) }?.number
    }

    /// The country in which the language of this number is mostly spoken.
    private static func main(of number: UInt16) -> UInt16? { entry { $1 == number }?.main }
}
